"""The typed client in TypeScript: the compiler accepts what is right and refuses what is not, and it works in node."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.journeys.conftest import NODE, RunNode, absent
from tests.journeys.conftest import run_node as run_node
from tests.journeys.test_client_js import CLIENT
from tests.journeys.test_client_js import module as module
from tests.serving import Server
from walkwire.types.shapes import ProgramShapes
from walkwire.types.typescript import typescript_of

USE = """
import { type Card, connect, type Notification, told, type Walkers, type RestWalkers } from "./made.js";
// @ts-ignore - the package of sockets has no types here
import WebSocket from "ws";

const client = connect({ url: process.argv[2]!, WebSocket });
const heard: string[] = [];
client.on("client", told({ chat: (data) => heard.push(data.text), moved: ({ by }) => heard.push(by ?? "") }));
const { reports: [report] } = await client.walk("vote", { choice: "tea", message: { text: "a", replies: [{ text: "b" }] } });
const told1: Card | number = report!;
if (typeof told1 !== "number") {
  heard.push(told1.context.title, told1.context.colour satisfies "RED" | "BLUE", told1.context.point[1]);
}
client.walk("string").catch(() => {});
client.walk("interface").catch(() => {});
({ file: new Blob() }) satisfies RestWalkers["upload"]["fields"];
client.channel("den").on("message", ({ data }) => {
  if (data.type === "moved") data.data.card?.context.title satisfies string | undefined;
});
function wrong(data: Notification): void {
  // @ts-expect-error - there is no such walker
  void client.walk("veto");
  // @ts-expect-error - choice is missing
  void client.walk("vote");
  // @ts-expect-error - of the wrong type
  void client.walk("vote", { choice: "milk" });
  // @ts-expect-error - excluded
  void client.walk("vote", { choice: "tea", secret: "" });
  // @ts-expect-error - takes a file
  void client.walk("upload", { file: new Blob() });
  // @ts-expect-error - nobody tells this
  told({ chit: () => {} });
  // @ts-expect-error - a number, if it is the third
  if (data.type !== "chat" && data.type !== "moved") data.data satisfies string;
}
void (wrong satisfies unknown as keyof Walkers | unknown);
console.log(JSON.stringify(heard));
client.close();
"""
OPTIONS = {
    **{"strict": True, "target": "es2022", "module": "nodenext", "lib": ["es2023", "dom"], "types": []},
    **{"noUncheckedIndexedAccess": True, "exactOptionalPropertyTypes": True, "noUnusedLocals": True},
    **{
        "skipLibCheck": True,
        "noUnusedParameters": True,
        "isolatedModules": True,
        "verbatimModuleSyntax": True,
    },
}


@pytest.fixture
def tsc(module: Path) -> Path:
    found = CLIENT / "node_modules" / "typescript" / "bin" / "tsc"
    if not found.is_file():
        absent("typescript")
    return found


def test_the_compiler_and_node_agree(
    tsc: Path, module: Path, run_node: RunNode, shapes: ProgramShapes, program: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "use"
    (folder / "node_modules").mkdir(parents=True)
    (folder / "node_modules" / "walkwire").symlink_to(CLIENT)
    (folder / "node_modules" / "ws").symlink_to(NODE / "node_modules" / "ws")
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "made.ts").write_text(typescript_of(shapes, "main.py\nhostile()"), encoding="utf-8")
    (folder / "use.ts").write_text("declare const process: { argv: string[] };\n" + USE)
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": OPTIONS}))
    done = subprocess.run(["node", tsc, "-p", "."], cwd=folder, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    with Server(program, tmp_path) as server:
        heard = json.loads(run_node(str(folder / "use.js"), server.socket_url))
    assert heard == ["tea", "ada", "a", "RED", "a"]


def test_the_same_program_gives_the_same_text(shapes: ProgramShapes) -> None:
    text = typescript_of(shapes, "main.py", "./walkwire.js")
    assert text == typescript_of(shapes, "main.py", "./walkwire.js")
    assert 'from "./walkwire.js";' in text
    assert "A card. *\\/ `${x}`" in text
    assert '  "odd \'name\\"\\n\\u2028*/": number;' in text
    assert "secret" not in text
    assert "hidden" not in text
