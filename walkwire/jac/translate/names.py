"""Names: tables of names that differ between Jac and Python, and of names that need no import in Jac."""

from __future__ import annotations

# Methods that have another name in Python.
METHODS = {"init": "__init__", "postinit": "__post_init__"}

# Names that need no import in some era. The module imports those that it uses.
_WITHOUT_IMPORT = """
    jid jobj save commit destroy allroots grant revoke printgraph dotgen Jac Root GenericEdge
    NoPerm ReadPerm ConnectPerm WritePerm AccessLevelEnum almostEqual
"""
WANTED = frozenset(_WITHOUT_IMPORT.split())

# Names of `jaclang.*` and `jac_cloud.*`, whatever their module, and walkwire's names for them.
_AS_THEY_ARE = """
    Obj Node Edge Walker Root GenericEdge jid jobj root save commit destroy allroots grant revoke spawn visit disengage
    connect disconnect perm_grant perm_revoke allow_root disallow_root get_context specs reset_graph logger
    create_task BaseUser NO_PASSWORD SendGridEmailer JaseciContext
    BaseAnchor NodeAnchor EdgeAnchor WalkerAnchor ObjectAnchor
    NoPerm ReadPerm ConnectPerm WritePerm AccessLevelEnum printgraph dotgen
    utc_datetime utc_datetime_iso utc_timestamp random_string SUPER_ROOT_ID PUBLIC_ROOT_ID FastAPI
"""
IMPORTABLE = {
    "WEBSOCKET_MANAGER": "socket",
    "JacFeature": "Jac",
    "JacMachineInterface": "Jac",
    "JacMachine": "Jac",
    "JacRuntimeInterface": "Jac",
    "JacRuntime": "Jac",
    "JacPlugin": "Jac",
    "Jac": "Jac",
    "Architype": "Obj",
    "Archetype": "Obj",
    "NodeArchitype": "Node",
    "NodeArchetype": "Node",
    "EdgeArchitype": "Edge",
    "EdgeArchetype": "Edge",
    "WalkerArchitype": "Walker",
    "WalkerArchetype": "Walker",
    "AccessLevel": "AccessLevel",
    "Anchor": "BaseAnchor",
    "User": "BaseUser",
    "log_report": "log_report",
    "object_ref": "jid",
    "get_object": "jobj",
    "on_entry": "on_entry",
    "on_exit": "on_exit",
    "with_entry": "on_entry",
    "with_exit": "on_exit",
} | {name: name for name in _AS_THEY_ARE.split()}

# For names without an equivalent: what to write instead.
INSTEAD = {
    "Memory": "the store is named by --database",
    "JacMachineState": "there is no machine to set up: a program is run by `walkwire run`, or served by `walkwire serve`",
    "ExecutionContext": "use get_context()",
    "JacCloudJID": "use jid(x) and jobj(id)",
    "Emailer": "mail is sent by the package of your mail provider",
    "populate_yaml_specs": "/openapi.yaml is served",
    "log_entry": "use logger",
    "log_exit": "use logger",
    "log_dumps": "use logger",
    "llm": "language models are called from Python packages of your choice",
}
