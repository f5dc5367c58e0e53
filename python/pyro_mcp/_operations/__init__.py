"""All operations as methods, a module for each family.

Written by tests/check_python.py --write from the operation table; do not edit."""

from .environments import Environments
from .services import Services
from .shells import Shells
from .vms import VMs
from .workspaces import Workspaces


class Operations(Environments, VMs, Workspaces, Services, Shells):
    """Every operation."""
