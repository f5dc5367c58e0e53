/* passt, and the relay between it and the guest's NIC. */
#include "vm/network.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/macros.h"
#include "base/process.h"
#include "vm/relay.h"

struct pyro_network {
    pid_t pid;
    int nic_fd, passt_fd, process_fd;
    struct pyro_source process;
    struct pyro_relay relay;
    void (*ended)(void *userdata, const char *reason);
    void *userdata;
};

/* Tells it once, and leaves nothing behind that could fire again. */
static void tell_ended(void *userdata, const char *reason)
{
    struct pyro_network *network = userdata;
    void (*ended)(void *, const char *) = network->ended;
    pyro_source_remove(&network->process);
    pyro_relay_stop(&network->relay);
    network->ended = NULL;
    if (ended)
        ended(network->userdata, reason);
}

static void on_process(struct pyro_source *source, uint32_t events)
{
    (void)events;
    tell_ended(source->userdata, "passt ended");
}

static void add_address(struct pyro_argv *argv, const char *option, uint32_t address)
{
    pyro_argv_add(argv, option);
    pyro_argv_addf(argv, "%u.%u.%u.%u", address >> 24, address >> 16 & 0xff, address >> 8 & 0xff,
                   address & 0xff);
}

/* Outbound only: no ports forwarded in, the gateway's address not mapped to the host, and nothing
 * to configure the guest by, because the agent is told its addresses. */
static int start_passt(struct pyro_network *network, const char *passt_path, uint32_t address,
                       int far_fd)
{
    static const char *const fixed[] = {
        "--foreground", "--quiet", "--one-off", "--ipv4-only", "--no-map-gw", "--tcp-ports", "none",
        "--udp-ports",  "none",    "--no-dhcp", "--no-dhcpv6", "--no-ndp",    "--no-ra",     NULL};
    struct pyro_argv argv = {0};
    pyro_argv_add(&argv, passt_path);
    pyro_argv_add_all(&argv, fixed);
    add_address(&argv, "--address", address);
    pyro_argv_add(&argv, "--netmask");
    pyro_argv_addf(&argv, "%d", PYRO_NETWORK_PREFIX);
    add_address(&argv, "--gateway", PYRO_NETWORK_GATEWAY);
    add_address(&argv, "--dns-forward", PYRO_NETWORK_DNS);
    pyro_argv_add(&argv, "--fd");
    pyro_argv_addf(&argv, "%d", far_fd);

    struct pyro_spawn spawn = {.argv = argv.words,
                               .directory = "/",
                               .stdin_fd = -1,
                               .stdout_fd = -1,
                               .stderr_fd = -1,
                               .keep = &far_fd,
                               .keep_count = 1,
                               .death_signal = SIGKILL,
                               .new_session = true};
    int r = argv.failed ? -ENOMEM : pyro_spawn(&spawn, &network->pid);
    pyro_argv_finish(&argv);
    return r;
}

static int start_all(struct pyro_network *network, struct pyro_loop *loop, const char *passt_path,
                     uint32_t address)
{
    int ends[2];
    int r = pyro_fd_pair(ends);
    if (r < 0)
        return r;
    network->passt_fd = ends[0];
    r = start_passt(network, passt_path, address, ends[1]);
    close(ends[1]);
    if (r == 0)
        r = pyro_fd_set_nonblocking(network->passt_fd);
    if (r < 0)
        return r;
    network->process_fd = pyro_process_open(network->pid);
    if (network->process_fd < 0)
        return network->process_fd;
    r = pyro_source_add(loop, &network->process, network->process_fd, EPOLLIN, on_process, network);
    if (r < 0)
        return r;
    return pyro_relay_start(&network->relay, loop, network->nic_fd, network->passt_fd, tell_ended,
                            network);
}

int pyro_network_start(struct pyro_loop *loop, const char *passt_path, uint32_t address, int nic_fd,
                       void (*ended)(void *userdata, const char *reason), void *userdata,
                       struct pyro_network **ret_network, struct pyro_error *error)
{
    struct pyro_network *network = calloc(1, sizeof(*network));
    if (!network) {
        close(nic_fd);
        return pyro_error_no_memory(error);
    }
    *network = (struct pyro_network){.nic_fd = nic_fd, .passt_fd = -1, .process_fd = -1};
    int r = start_all(network, loop, passt_path, address);
    if (r < 0) {
        pyro_network_destroy(network);
        pyro_error_set_errno(error, PYRO_ERROR_NETWORK_FAILED, r,
                             "cannot start the guest's network with %s", passt_path);
        return pyro_error_hint(error, "install the package passt, or leave the network off");
    }
    network->ended = ended;
    network->userdata = userdata;
    *ret_network = network;
    return 0;
}

void pyro_network_destroy(struct pyro_network *network)
{
    if (!network)
        return;
    pyro_source_remove(&network->process);
    pyro_relay_stop(&network->relay);
    if (network->pid > 0) {
        kill(network->pid, SIGKILL);
        pyro_process_wait(network->pid);
    }
    int fds[] = {network->nic_fd, network->passt_fd, network->process_fd};
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        pyro_cleanup_close(&fds[i]);
    free(network);
}
