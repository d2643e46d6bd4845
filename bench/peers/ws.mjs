// npm's `ws`: a loop over all sockets, as its own page shows it. Usage: node ws.mjs PORT
import { WebSocketServer } from "ws";

const WELCOME = "w".repeat(180);
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]) });

server.on("connection", (socket) => {
  socket.send(WELCOME);
  socket.on("error", () => socket.terminate());
  socket.on("message", (said) => {
    if (said[0] === 101) {
      socket.send(said, { binary: false });
      return;
    }
    for (const one of server.clients) {
      one.send(said, { binary: false });
    }
  });
});
