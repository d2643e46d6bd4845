"""ASGI: a program inside another ASGI application, such as one of FastAPI, Starlette or Django.

realtime = Walkwire("realtime.py", database="sqlite:///shop.db")
app = FastAPI(lifespan=realtime.lifespan)
app.mount("/live", realtime)
"""

from walkwire.asgi.application import Walkwire

__all__ = ["Walkwire"]
