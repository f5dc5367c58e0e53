#include "guest/port.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "guest/agent.h"
#include "guest/console.h"

static const char port_name[] = "pyro.agent";
static const char ports[] = "/sys/class/virtio-ports";

/* Opens the port of our name: its number depends on the order of the host's command line. */
static int find_port(void)
{
    int fd = -ENOENT;
    DIR *directory = opendir(ports);
    struct dirent *entry;
    while (directory && fd < 0 && (entry = readdir(directory))) {
        char path[300];
        cleanup_free char *name = NULL;
        snprintf(path, sizeof(path), "%s/%s/name", ports, entry->d_name);
        if (entry->d_name[0] == '.' || pyro_file_read_at(AT_FDCWD, path, 64, &name, NULL) < 0)
            continue;
        name[strcspn(name, "\n")] = '\0';
        if (strcmp(name, port_name) != 0)
            continue;
        snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
        fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    }
    if (directory)
        closedir(directory);
    return fd;
}

/* The driver learns of its ports and their names from the host, some time after it was loaded. */
static int wait_for_port(void)
{
    enum { PATIENCE_MS = 10000 };
    uint64_t deadline = pyro_now_ms() + PATIENCE_MS;
    for (;;) {
        int fd = find_port();
        if (fd >= 0)
            return fd;
        if (pyro_now_ms() >= deadline)
            pyro_power_off_because("there is no virtio-serial port %s after %d s", port_name,
                                   PATIENCE_MS / 1000);
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    }
}

static void wait_for_events(struct pyro_port *port)
{
    /* Without a host, poll reports a hang-up for ever: ask for changes only, the driver wakes us
     * when the host comes. */
    uint32_t events = (uint32_t)EPOLLIN | (uint32_t)EPOLLOUT | (uint32_t)EPOLLET;
    if (port->connected)
        events = port->out.size > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN;
    if (port->connected && pyro_buffer_room(&port->out) < PYRO_PORT_OUT_RESERVE)
        events = EPOLLOUT;
    pyro_source_set(&port->source, events);
}

static void set_connected(struct pyro_port *port, bool connected)
{
    if (port->connected == connected)
        return;
    port->connected = connected;
    pyro_buffer_consume(&port->in, port->in.size);
    pyro_buffer_consume(&port->out, port->out.size);
    if (connected)
        pyro_agent_host_came(port->source.userdata);
    else
        pyro_agent_host_left(port->source.userdata);
}

/* Handles whole frames as long as an answer fits. */
static void handle_frames(struct pyro_port *port)
{
    while (pyro_buffer_room(&port->out) >= PYRO_PORT_OUT_RESERVE) {
        struct pyro_frame frame;
        int r =
            pyro_frame_decode(pyro_buffer_data(&port->in), port->in.size, PYRO_TO_GUEST, &frame);
        if (r < 0)
            pyro_power_off_because("the host sent something that is not a frame");
        if (r == 0)
            return;
        pyro_agent_frame(port->source.userdata, &frame);
        pyro_buffer_consume(&port->in, pyro_frame_size(&frame));
    }
}

static void on_port(struct pyro_source *source, uint32_t events)
{
    enum {
        PORT_PIECE = 4096, /* the driver gives a page at a time */
        MOST_READS = 32,   /* then others have their turn */
    };
    struct pyro_agent *agent = source->userdata;
    struct pyro_port *port = &agent->port;
    set_connected(port, !(events & EPOLLHUP));
    for (int i = 0; i < MOST_READS && port->connected && (events & EPOLLIN); i++) {
        long got = pyro_buffer_read(&port->in, source->fd, PYRO_FRAME_SIZE_MAX);
        if (got <= 0)
            break;
        handle_frames(port);
        if (got < PORT_PIECE)
            break; /* most likely all of it; else epoll says so */
    }
}

void pyro_port_wipe(struct pyro_port *port)
{
    struct pyro_buffer *in = &port->in;
    explicit_bzero(in->bytes, in->start);
    explicit_bzero(in->bytes + in->start + in->size, in->capacity - in->start - in->size);
}

void pyro_port_write(struct pyro_port *port)
{
    /* Without a host this is -EAGAIN: that it is gone shows up as a hang-up. */
    int r = port->connected ? pyro_buffer_write_device(&port->out, port->source.fd) : 0;
    if (r < 0 && r != -EAGAIN)
        pyro_power_off_because("cannot write to %s: %s", port_name, strerror(-r));
}

void pyro_port_flush(struct pyro_port *port)
{
    pyro_port_write(port);
    if (port->connected)
        handle_frames(port);
    wait_for_events(port);
}

void pyro_port_open(struct pyro_port *port, struct pyro_agent *agent)
{
    pyro_buffer_init(&port->in, 2 * PYRO_FRAME_SIZE_MAX);
    pyro_buffer_init(&port->out, PYRO_PORT_OUT_MAX);
    int fd = wait_for_port();
    int r = pyro_source_add(&agent->loop, &port->source, fd, 0, on_port, agent);
    if (r == 0 && (!pyro_buffer_reserve(&port->in, 2 * PYRO_FRAME_SIZE_MAX) ||
                   !pyro_buffer_reserve(&port->out, PYRO_PORT_OUT_MAX)))
        r = -ENOMEM;
    if (r < 0)
        pyro_power_off_because("cannot watch %s: %s", port_name, strerror(-r));
    wait_for_events(port);
}
