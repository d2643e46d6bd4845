"""The dialect is tried in the same walks as the rest."""

from tests.walk.conftest import store as store
from tests.walk.conftest import world as world
