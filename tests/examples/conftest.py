"""What the examples' tests share: node, for the JavaScript of their pages."""

from tests.journeys.conftest import run_node as run_node
