// Socket.IO on node, with connection state recovery: a room, and `emit` to it. Usage: node socket_io.mjs PORT
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const server = new Server(http, { serveClient: false, transports: ["websocket"], connectionStateRecovery: { maxDisconnectionDuration: 120_000 } });

server.on("connection", (socket) => {
  if (!socket.recovered) socket.join("room");
  socket.on("b", (said) => server.to("room").emit("b", said));
});

http.listen(Number(process.argv[2]), "127.0.0.1");
