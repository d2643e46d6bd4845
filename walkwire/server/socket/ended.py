"""Ended: replaces the transport of a stream whose socket is closed: takes everything and does nothing."""

from __future__ import annotations


class _Ended:
    def write(self, data: bytes) -> None: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...
    def write_eof(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return False


ENDED = _Ended()
