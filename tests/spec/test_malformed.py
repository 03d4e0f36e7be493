"""Malformed files: a table of text, and of every problem that is reported, all at once and in the order of the file."""

# ruff: noqa: E501, ISC004 - a table of messages is read best with each on its line

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.spec.toml import GOOD, problems

APP = """
[[service]]
name = "app"
command = ["app", "{port}"]
"""

# what is wrong: the text, and a pattern for each problem, in order
MALFORMED: dict[str, tuple[str, list[str]]] = {
    "nothing at all": (
        "",
        [
            r'^loadlab\.toml: name is missing; write name = "\.\.\."',
            r"^loadlab\.toml: a system has at least one service; write \[\[service\]\]",
        ],
    ),
    "text without quotes": (
        'name = orders\n[[service]]\nname = "app"\ncommand = ["app", "{port}"]\ninstnces = 2\n',
        [
            r"^loadlab\.toml:1:8: not TOML: invalid value in `name = orders`; text needs quotes",
            r"^loadlab\.toml:5: service\[app\]\.instnces = 2: unknown key; did you mean instances\?",
        ],
    ),
    "a list that is not closed": (
        'name = "orders"\n[[service]]\nname = "app"\ncommand = ["app", "{port}"\ncwd = "."\n',
        [r"^loadlab\.toml:5:\d+: not TOML: unclosed array in `cwd = \"\.\"`; a `\]` is missing, or a comma"],
    ),
    "a key given twice": (
        'name = "orders"\nname = "others"\n' + APP,
        [
            r"^loadlab\.toml:2:\d+: not TOML: cannot overwrite a value in `name = \"others\"`; this key was already given"
        ],
    ),
    "misspelled keys": (
        'name = "orders"\ndescripton = "x"\n[laod]\npath = "/"\n'
        + APP
        + "enviroment = { A = \"1\" }\nready = { htp = '/' }\n",
        [
            r":2: descripton = \"x\": unknown key; did you mean description\? \(known: name, description, load, service\)$",
            r':3: laod = \{"path": "/"\}: unknown key; did you mean load\?',
            r":9: service\[app\]\.enviroment = .*: unknown key; \(known: name, role, command, uses, attach, cwd",
            r":10: service\[app\]\.ready\.htp = \"/\": unknown key; did you mean http\? \(known: http, tcp, log, within_s\)",
        ],
    ),
    "wrong types": (
        'name = 5\n[load]\nthink_s = "5"\n'
        + APP
        + 'instances = "two"\nport = 8000.5\nverify = "no"\nenv = { PORT = 8000, DEBUG = true }\nlimits = "512MB"\n',
        [
            r':1: name = 5: expected text; put it in quotes: "5"$',
            r':3: load\.think_s = "5": expected a number; write it without quotes: 5$',
            r':8: service\[app\]\.instances = "two": expected a whole number, without quotes$',
            r":9: service\[app\]\.port = 8000\.5: expected a whole number",
            r':10: service\[app\]\.verify = "no": expected true or false, without quotes$',
            r':11: service\[app\]\.env\.PORT = 8000: expected text; put it in quotes: "8000"$',
            r':11: service\[app\]\.env\.DEBUG = true: expected text; put it in quotes: "true"$',
            r':12: service\[app\]\.limits = "512MB": expected a table, like \{ key = value \}$',
        ],
    ),
    "a command as for a shell": (
        'name = "orders"\n[[service]]\nname = "app"\ncommand = "uvicorn \'my app\':app --port {port}"\nsetup = []\n',
        [
            r":4: service\[app\]\.command = .*: an argument list, never a shell string; write command = "
            r'\["uvicorn", "my app:app", "--port", "\{port\}"\]$',
            r":5: service\[app\]\.setup = \[\]: an empty list starts nothing; write setup = \[",
        ],
    ),
    "names": (
        'name = "My Orders"\n'
        + APP
        + '[[service]]\nname = "app"\nattach = { port = 1 }\n[[service]]\nname = "generator"\nattach = { port = 2 }\n',
        [
            r':1: name = "My Orders": expected lower-case letters, digits and dashes, like "my-orders"$',
            r':7: service\[app\]\.name = "app": service #1 of this file has the same name',
            r':10: service\[generator\]\.name = "generator": is what recordings call loadlab\'s own processes',
        ],
    ),
    "one pair of brackets": (
        'name = "orders"\n[service]\nname = "app"\ncommand = ["app", "{port}"]\nrole = "balncer"\n',
        [
            r":2: service: services are a list of tables: write \[\[service\]\] with two brackets$",
            r':\d: service\[app\]\.role = "balncer": unknown; did you mean "balancer"\? \(known: app, balancer,',
        ],
    ),
    "keys in the wrong table": (
        'path = "/orders"\ninstances = 2\nname = "orders"\n' + APP,
        [
            r":1: path = \"/orders\": unknown key; .*; it belongs into \[load\]$",
            r":2: instances = 2: unknown key; .*; it belongs into \[\[service\]\]$",
        ],
    ),
    "how it starts": (
        'name = "orders"\n'
        + APP
        + '[[service]]\nname = "db"\n[[service]]\nname = "both"\ncommand = ["x"]\nuses = "postgres"\n'
        + '[[service]]\nname = "pg"\nuses = "postgre"\n[[service]]\nname = "w"\ncommand = ["w"]\nwith = { a = 1 }\n',
        [
            r":6: service\[db\]: how does it start\? give one of command = .*, uses = .*\(nginx, postgres\), attach = ",
            r":8: service\[both\]: has command and uses; exactly one of command, uses, attach$",
            r':14: service\[pg\]\.uses = "postgre": loadlab knows no such kind of service; did you mean "postgres"\?',
            r":18: service\[w\]\.with = \{\"a\": 1\}: settings for services that loadlab knows; it needs uses",
        ],
    ),
    "attached and more": (
        'name = "orders"\n[[service]]\nname = "app"\nattach = { port = 8000, pid = 7 }\ninstances = 3\nlimits = { cpu = 1 }\n'
        '[[service]]\nname = "far"\nattach = { url = "localhost:80" }\n[[service]]\nname = "no"\nattach = {}\n',
        [
            r':4: service\[app\]\.attach = \{"port": 8000, "pid": 7\}: exactly one of port = 8000, pid = 4711, url',
            r":5: service\[app\]\.instances = 3: loadlab does not start an attached service; leave this out",
            r":6: service\[app\]\.limits = \{\"cpu\": 1\}: loadlab does not start an attached service",
            r':9: service\[far\]\.attach\.url = "localhost:80": expected http:// or https:// and a host',
            r":12: service\[no\]\.attach = \{\}: exactly one of port",
        ],
    ),
    "unknown target and upstream": (
        'name = "orders"\n[load]\ntarget = "ap"\n'
        + APP
        + '[[service]]\nname = "lb"\nuses = "nginx"\nwith = { upstream = "aap" }\n',
        [
            r':3: load\.target = "ap": no service is called that; did you mean "app"\? \(known: app, lb\)$',
            r':11: service\[lb\]\.with: upstream = "aap": no service is called that$',
        ],
    ),
    "misspelled placeholders": (
        'name = "orders"\n[[service]]\nname = "app"\ncommand = ["{pyhton}", "--port", "{prot}", "{db}"]\n'
        'port = 8000\nenv = { A = "{dbx.url}", B = "{db.ulr}", C = "{ports}" }\n'
        '[[service]]\nname = "db"\nuses = "postgres"\nwith = { deep = { er = ["{ap.port}"] } }\n',
        [
            r":4: service\[app\]\.command\[#1\] = .*: \{pyhton\} means nothing; did you mean \{python\}\?",
            r":4: service\[app\]\.command\[#3\] = .*: \{prot\} means nothing; did you mean \{port\}\?",
            r":4: service\[app\]\.command\[#4\] = .*: \{db\} means nothing; did you mean \{db\.url\}\?",
            r":6: service\[app\]\.env\.A = .*: \{dbx\.url\} means nothing; did you mean \{db\.url\}\? \(known: \{python\}",
            r":6: service\[app\]\.env\.B = .*: \{db\.ulr\} means nothing; did you mean \{db\.url\}\?",
            r":6: service\[app\]\.env\.C = .*: \{ports\} means nothing; did you mean \{db\.ports\}\?",
            r":10: service\[db\]\.with\.deep\.er\[#1\] = .*: \{ap\.port\} means nothing; did you mean \{app\.port\}\?",
        ],
    ),
    "an address of a service without a port": (
        'name = "orders"\n'
        + APP
        + 'env = { A = "{w.url}", B = "{w.host}", C = "{{w.url}} {{prot}}" }\n[[service]]\nname = "w"\ncommand = ["w"]\n',
        [
            r':6: service\[app\]\.env\.A = "\{w\.url\}": w has no port; use \{port\} in its command or env, or write port'
        ],
    ),
    "blanks and worse": (
        'name = "orders"\n[load]\npath = "/a b"\n' + APP + 'role = "\\u001b[31m\\n"\n',
        [
            r':3: load\.path = "/a b": a path has no blanks; a blank is written %20$',
            r":8: service\[app\]\.role = .*: unknown; \(known: app,",
        ],
    ),
    "a ring": (
        'name = "orders"\n[[service]]\nname = "a"\ncommand = ["a", "{port}", "{b.host}"]\n'
        '[[service]]\nname = "b"\ncommand = ["b", "{c.host}"]\n[[service]]\nname = "c"\nenv = { A = "{a.url}" }\n'
        'command = ["c"]\n',
        [r":2: service\[a\]: they wait for each other: a -> b -> c -> a; none of them can start first"],
    ),
    "readiness": (
        'name = "orders"\n'
        + APP
        + 'ready = { http = "health", tcp = true }\n'
        + '[[service]]\nname = "b"\ncommand = ["b"]\nready = { log = \'up (\' }\n'
        + '[[service]]\nname = "c"\ncommand = ["c"]\nready = { tcp = true, within_s = 0 }\n'
        + '[[service]]\nname = "d"\ncommand = ["d"]\nready = { tcp = false }\n',
        [
            r":6: service\[app\]\.ready = .*: has http and tcp; exactly one of http, tcp, log$",
            r':6: service\[app\]\.ready\.http = "health": expected a path that starts with a slash, like "/health"$',
            r':10: service\[b\]\.ready\.log = "up \(": is no regular expression: missing \)',
            r":14: service\[c\]\.ready\.within_s = 0: expected more than 0$",
            r":14: service\[c\]\.ready = .*: asks a port, but the service was given none; use \{port\}",
            r":18: service\[d\]\.ready\.tcp = false: write tcp = true, or leave it out$",
        ],
    ),
    "files that do not exist": (
        'name = "orders"\n[load]\nlocustfile = "user.py"\nprofile = "profiles/mine.toml"\n'
        + APP
        + 'cwd = "ap"\nca = "ca.pem"\nscheme = "https"\n[[service]]\nname = "lb"\nuses = "nginx"\n'
        + 'with = { upstream = "app", config = "broken.j2" }\n',
        [
            r':3: load\.locustfile = "user\.py": there is no such file: /.*user\.py; did you mean "users\.py"\?$',
            r':4: load\.profile = "profiles/mine\.toml": there is no such file: /',
            r':9: service\[app\]\.cwd = "ap": there is no such folder: /.*/ap; did you mean "app"\?$',
            r':10: service\[app\]\.ca = "ca\.pem": there is no such file',
            r':15: service\[lb\]\.with\.config = "broken\.j2": is no Jinja template: line 1: ',
        ],
    ),
    "instances and ports": (
        'name = "orders"\n[load]\ntarget = "app"\n[[service]]\nname = "app"\ncommand = ["app"]\ninstances = 3\nport = 8000\n'
        '[[service]]\nname = "b"\ncommand = ["b"]\nport = 8000\n'
        "autoscale = { min = 5, max = 2, out_above = 30, in_below = 70 }\n",
        [
            r":6: service\[app\]\.command = .*: 3 instances, and none is told its port: use \{port\}",
            r":8: service\[app\]\.port = 8000: 3 instances cannot share one port; leave it out and use \{port\}$",
            r":12: service\[b\]\.port = 8000: 2 instances cannot share one port",
            r":12: service\[b\]\.port = 8000: app has the same port; take another, or leave it out$",
            r":13: service\[b\]\.autoscale = .*: min = 5 is more than max = 2$",
            r":13: service\[b\]\.autoscale = .*: in_below = 70 has to be less than out_above = 30",
        ],
    ),
    "scalers that scale nothing": (
        'name = "orders"\n[load]\ntarget = "app"\n[[service]]\nname = "app"\ncommand = ["app", "{port}", "{a.url}"]\n'
        "autoscale = { min = 1, max = 2, out_above = 70, in_below = 30 }\n"
        '[[service]]\nname = "a"\ncommand = ["a", "{port}"]\n'
        "autoscale = { min = 1, max = 2, out_above = 70, in_below = 30 }\n"
        '[[service]]\nname = "b"\nuses = "postgres"\n'
        "autoscale = { min = 1, max = 2, out_above = 70, in_below = 30 }\n"
        '[[service]]\nname = "c"\ncommand = ["c"]\n'
        'autoscale = { min = 1, max = 2, metric = "in_flight", out_above = 7, in_below = 3 }\n',
        [
            r":7: service\[app\]\.autoscale = .*: the load goes to it, and so to its first instance only; put .*nginx",
            r":11: service\[a\]\.autoscale = .*: app will not learn of its new instances; put a service before it",
            r":15: service\[b\]\.autoscale = .*: only a service with a command can be scaled",
            r':19: service\[c\]\.autoscale = .*: metric = "in_flight" counts requests at its port; use \{port\} in command',
        ],
    ),
    "limits": (
        'name = "orders"\n'
        + APP
        + 'limits = { memory = "512", cpu = 0, files = 3 }\n[[service]]\nname = "b"\ncommand = ["b"]\nlimits = { memory = "512KB" }\n',
        [
            r":6: service\[app\]\.limits\.cpu = 0: expected more than 0$",
            r':6: service\[app\]\.limits\.memory = "512": expected a size like "512MB" or "1\.5GiB"',
            r":6: service\[app\]\.limits\.files = 3: expected 16 or more$",
            r':10: service\[b\]\.limits\.memory = "512KB": nothing starts in so little; did you mean "MB"\?$',
        ],
    ),
    "networks of their own": (
        'name = "orders"\n'
        + APP
        + 'env = { A = "{b.ports}", B = "{b.addresses}", C = "{far.url}" }\nlimits = { bandwidth = "100Mbit" }\n'
        '[[service]]\nname = "b"\ncommand = ["b", "{port}", "{far.url}"]\ninstances = 2\n'
        'limits = { network = "own", bandwidth = "8Kbit" }\n'
        '[[service]]\nname = "far"\nattach = { url = "http://192.0.2.7:80" }\n'
        '[[service]]\nname = "c"\ncommand = ["c"]\nlimits = { network = "mine", bandwidth = "100" }\n',
        [
            r':6: service\[app\]\.env\.A = "\{b\.ports\}": \{b\.ports\} are ports at one address, .* \{b\.addresses\}$',
            r":7: service\[app\]\.limits\.bandwidth = .*: is of an instance with a network of its own: add network",
            r":10: service\[b\]\.command\[#3\] = .*: \{far\.url\} is on another host, which an instance of b does not",
            r':12: service\[b\]\.limits\.bandwidth = "8Kbit": nothing answers in time with so little',
            r':19: service\[c\]\.limits\.network = "mine": unknown',
            r':19: service\[c\]\.limits\.bandwidth = "100": expected bits a second, like "100Mbit"',
        ],
    ),
    "the load": (
        'name = "orders"\n[load]\npath = "orders"\nlocustfile = "users.py"\nprofile = "rmap"\nthink_s = -1\n'
        '[[service]]\nname = "app"\ncommand = ["app"]\nca = "users.py"\nfolder = "x"\n',
        [
            r':3: load\.path = "orders": expected a path that starts with a slash, like "/orders"$',
            r':3: load\.path = "orders": the locustfile says what is asked for; leave one of the two out$',
            r':5: load\.profile = "rmap": no profile is called that; did you mean "ramp"\? \(known: breakpoint,',
            r":6: load\.think_s = -1: expected 0 or more$",
            r":7: service\[app\]: gets the load, but on which port\? use \{port\}",
            r':10: service\[app\]\.ca = "users\.py": is about TLS; it needs scheme = "https"$',
            r':11: service\[app\]\.folder = "x": unknown key',
        ],
    ),
    "half of an autoscale, a list as service, and a date": (
        'name = "orders"\ndescription = 2026-01-01\nservice = [5, { name = "app", command = ["app", "{port}"], '
        "autoscale = { min = 1 } }]\n",
        [
            r':2: description = "2026-01-01": expected text; put it in quotes: "2026-01-01"$',
            r":3: service\[#1\] = 5: expected a table",
            r":3: service\[app\]\.autoscale: max is missing$",
            r":3: service\[app\]\.autoscale: out_above is missing$",
            r":3: service\[app\]\.autoscale: in_below is missing$",
        ],
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a user's folder may hold."""
    (tmp_path / "app").mkdir()
    (tmp_path / "users.py").write_text("")
    (tmp_path / "broken.j2").write_text("{% if %}")
    return tmp_path


@pytest.mark.parametrize("what", MALFORMED)
def test_every_problem_is_reported_at_once(what: str, folder: Path) -> None:
    text, expected = MALFORMED[what]
    found = problems(text, folder)
    told = "\n".join(found)
    assert len(found) == len(expected), told
    for pattern in expected:
        assert any(re.search(pattern, each) for each in found), f"{pattern}\nis not in\n{told}"


def test_there_are_more_than_twenty_of_them() -> None:
    assert len(MALFORMED) > 20


def test_a_good_file_has_no_problems(folder: Path) -> None:
    assert problems(GOOD, folder) == []


def test_problems_come_in_the_order_of_the_file(folder: Path) -> None:
    lines = [int(each.split(":")[1]) for each in problems(MALFORMED["wrong types"][0], folder)]
    assert lines == sorted(lines)


def test_one_file_with_all_these_mistakes_shows_them_all(folder: Path) -> None:
    """Mistakes of structure do not hide those that only a whole system shows."""
    text = """
        name = "My App"
        descripton = "x"
        [load]
        target = "ap"
        locustfile = "nope.py"
        profile = "rmap"
        think_s = "5"
        path = "orders"
        [[service]]
        name = "app"
        role = "balncer"
        command = "uvicorn app:app --port 8000"
        instances = 0
        cwd = "nowhere"
        ready = { http = "health", tcp = true, withn_s = 5 }
        env = { DB = "{dbx.url}", N = 5 }
        limits = { memory = "512", cpu = -1, fils = 3 }
        [[service]]
        name = "app"
        uses = "postgrs"
        [[service]]
        name = "db"
    """
    found = problems(text, folder)
    assert len(found) == 23, "\n".join(found)
    assert all(re.match(r"loadlab\.toml:\d+: ", each) for each in found), found
