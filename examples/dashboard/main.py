"""A live dashboard: jobs that run in the background tell their progress, and everybody sees how busy the server is."""

import asyncio
import time

from walkwire import Node, PublicError, Root, Walker, create_task, jid, jobj, on_entry, perm_grant, socket

PUBLIC_ROOT = "n::000000000000000000000001"
STEP = 0.1  # seconds that a row takes here; a real job would do its work instead
PIECE = 2  # rows that are done and stored together
MOST_ROWS = 10_000


class Board(Node):
    """The jobs of all users. It is below the public root, and everybody may add to it."""


class Job(Node):
    """`state`: queued, done or cancelled. `rows` of `total` are done. `began`: when the first of them was (Unix seconds)."""

    name: str
    total: int
    rows: int = 0
    state: str = "queued"
    began: float = 0.0
    seconds: float = 0.0

    def shown(self) -> dict:
        return {
            "id": jid(self),
            "name": self.name,
            "total": self.total,
            "rows": self.rows,
            "state": self.state,
            "seconds": self.seconds,
        }


def board() -> Board:
    """The board of all users, made by the first walk that needs it."""
    found = jobj(PUBLIC_ROOT).out(Board)
    if not found:
        raise PublicError("no_board", "Nobody has opened the dashboard yet", status=404)
    return found[0]


def tell(job: Job) -> None:
    """Tell a change of a job that is stored."""
    socket.notify_channels(["jobs"], {"type": "job", "data": job.shown()})


def tell_progress(job: Job) -> None:
    """Tell how far a running job is, once that is stored. It is of interest now, so it is not kept."""
    socket.notify_channels(["progress"], {"type": "progress", "data": progress_of(job)})


def progress_of(job: Job) -> dict:
    rate = round(job.rows / max(time.time() - job.began, 0.001), 1)
    return {"id": jid(job), "rows": job.rows, "total": job.total, "rate": rate}


class open_dashboard(Walker):
    """Everything that is to be seen. Anybody may look."""

    class __specs__:
        methods = ["post", "websocket"]
        auth = False
        entry_type = "ROOT"

    @on_entry
    def show(self, here: Root) -> None:
        public = jobj(PUBLIC_ROOT)
        found = public.out(Board)
        if not found and here == public:
            found = [here.connect(Board())]
            perm_grant(found[0], "CONNECT")
        jobs = found[0].out(Job, limit=-20) if found else []
        running = [job for job in jobs if job.state == "queued" and job.rows]
        self.report(
            {"jobs": [job.shown() for job in jobs], "progress": [progress_of(job) for job in running]}
        )


class start_job(Walker):
    """Let a job run in the background. Reports it."""

    name: str = "Import"
    rows: int = 100

    class __specs__:
        methods = ["post", "websocket"]
        entry_type = "ROOT"

    @on_entry
    def start(self, here: Root) -> None:
        if not 1 <= self.rows <= MOST_ROWS:
            raise PublicError("bad_rows", f"A job has 1 to {MOST_ROWS:,} rows", status=422)
        job = board().connect(Job(name=self.name.strip()[:60] or "Import", total=self.rows))
        perm_grant(job, "READ")
        create_task(run_job(), job)  # stored with the job: any server may run it
        tell(job)
        self.report(job.shown())


class run_job(Walker):
    """Do the next rows of a job, and leave the rest to another task. So any server may go on, and finds what was cancelled."""

    class __specs__:
        private = True

    @on_entry
    async def work(self, here: Job) -> None:
        if here.state != "queued":
            return
        here.began = here.began or time.time()
        rows = min(PIECE, here.total - here.rows)
        await asyncio.sleep(STEP * rows)
        here.rows += rows
        here.seconds = round(time.time() - here.began, 1)
        if here.rows < here.total:
            tell_progress(here)
            create_task(run_job(), here)
        else:
            here.state = "done"
            tell(here)


class cancel_job(Walker):
    """Cancel a job of the caller."""

    class __specs__:
        methods = ["post", "websocket"]
        entry_type = "NODE"

    @on_entry
    def cancel(self, here: Job) -> None:
        if here.state == "queued":
            here.state = "cancelled"  # rows that are being done meanwhile are not stored
            tell(here)
        self.report(here.state)
