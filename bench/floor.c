/* The floor that `pyro run` is measured against: the same QEMU in the same jail restores the same
 * template and runs one command through the agent; no supervisor, no store, no client, no identity
 * kept anywhere.
 *
 *     floor CONFIG_DIRECTORY TEMPLATE [hold] -- COMMAND…
 *
 * CONFIG_DIRECTORY holds a VM's config.json. Prints the milliseconds from its own start: QEMU up,
 * state loaded, identity set, command over. With `hold` it keeps the guest until stdin ends. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/text.h"
#include "supervisor/bundle.h"
#include "vm/qmp.h"
#include "wire/frame.h"
#include "wire/message.h"

struct floor_run {
    struct pyro_loop loop;
    struct pyro_bundle_config config;
    struct pyro_machine machine;
    struct pyro_qmp *qmp;
    struct pyro_source agent;
    struct pyro_buffer in, out;
    char **command;
    int state_fd;
    uint64_t up_us, loaded_us, ready_us, over_us;
};

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "floor: %s\n", what);
    exit(1);
}

static void send_out(struct floor_run *run)
{
    if (pyro_buffer_write(&run->out, run->agent.fd) < 0)
        fail("cannot write to the agent");
}

static void running(void *userdata, const json_t *result, const char *problem)
{
    struct floor_run *run = userdata;
    struct pyro_setup setup = {.realtime_ns = pyro_clock_ns(CLOCK_REALTIME),
                               .hostname = "vm-0123456789ab",
                               .machine_id = "0123456789abcdef0123456789abcdef"};
    if (!result)
        fail(problem);
    run->loaded_us = pyro_now_us();
    if (getrandom(setup.entropy, sizeof(setup.entropy), 0) < 0)
        fail("no entropy");
    pyro_setup_pack(&run->out, &setup);
    send_out(run);
}

static void on_qmp_event(void *userdata, const char *name, const json_t *data)
{
    struct floor_run *run = userdata;
    const char *status = pyro_json_text(data, "status", "");
    if (strcmp(name, "MIGRATION") == 0 && strcmp(status, "completed") == 0)
        pyro_qmp_execute(run->qmp, "cont", NULL, running, run);
}

static void on_qmp_ready(void *userdata)
{
    struct floor_run *run = userdata;
    run->up_us = pyro_now_us();
    cleanup_json json_t *capabilities =
        json_pack("{s:[{s:s, s:b}, {s:s, s:b}]}", "capabilities", "capability", "x-ignore-shared",
                  "state", 1, "capability", "events", "state", 1);
    cleanup_free char *uri = pyro_text_format("fd:%d", run->state_fd);
    cleanup_json json_t *incoming = json_pack("{s:s}", "uri", uri);
    pyro_qmp_execute(run->qmp, "migrate-set-capabilities", capabilities, NULL, NULL);
    pyro_qmp_execute(run->qmp, "migrate-incoming", incoming, NULL, NULL);
}

static void take(struct floor_run *run, const struct pyro_frame *frame)
{
    const struct pyro_exec exec = {
        .arguments = run->command, .environment = (char *[]){NULL}, .directory = "/workspace"};
    if (frame->type == PYRO_FRAME_SETUP_DONE) {
        run->ready_us = pyro_now_us();
        pyro_exec_pack(&run->out, 1, &exec);
        send_out(run);
    } else if (frame->type == PYRO_FRAME_EXITED) {
        run->over_us = pyro_now_us();
        pyro_loop_stop(&run->loop);
    }
}

static void on_agent(struct pyro_source *source, uint32_t events)
{
    struct floor_run *run = source->userdata;
    struct pyro_frame frame;
    (void)events;
    if (pyro_buffer_read(&run->in, source->fd, PYRO_FRAME_SIZE_MAX) <= 0)
        fail("the guest is gone");
    while (pyro_frame_decode(pyro_buffer_data(&run->in), run->in.size, PYRO_FROM_GUEST, &frame) >
           0) {
        take(run, &frame);
        pyro_buffer_consume(&run->in, pyro_frame_size(&frame));
    }
}

/* As the supervisor does it (restore.c). */
static void prepare(struct floor_run *run, const char *directory, const char *template_)
{
    struct pyro_error error;
    struct pyro_machine_config *machine = &run->config.machine;
    cleanup_close int config = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (config < 0 || pyro_bundle_config_read(config, &run->config, &error) < 0)
        fail("no config.json");
    cleanup_free char *overlay = pyro_text_format("%s/overlay.qcow2", template_);
    cleanup_free char *state = pyro_text_format("%s/state", template_);
    machine->overlay = pyro_text_format("/tmp/pyro-floor-%d.qcow2", (int)getpid());
    machine->initrd = pyro_text_format("%s/initrd", template_);
    machine->ram = pyro_text_format("%s/ram", template_);
    machine->ram_private = true;
    run->state_fd = open(state, O_RDONLY | O_CLOEXEC);
    if (run->state_fd < 0 ||
        pyro_file_copy_at(AT_FDCWD, overlay, AT_FDCWD, machine->overlay, 0600) < 0)
        fail("no template");
}

static void start(struct floor_run *run)
{
    struct pyro_error error;
    const struct pyro_qmp_events events = {
        .ready = on_qmp_ready, .event = on_qmp_event, .userdata = run};
    pyro_buffer_init(&run->in, 2 * PYRO_FRAME_SIZE_MAX);
    pyro_buffer_init(&run->out, 2 * PYRO_FRAME_SIZE_MAX);
    if (pyro_loop_init(&run->loop) < 0 ||
        pyro_machine_start(&run->config.machine, run->state_fd, &run->machine, &error) < 0)
        fail("cannot start QEMU");
    if (pyro_source_add(&run->loop, &run->agent, run->machine.agent_fd, EPOLLIN, on_agent, run) <
            0 ||
        pyro_qmp_create(&run->loop, steal_fd(&run->machine.qmp_fd), &events, &run->qmp) < 0)
        fail("cannot watch QEMU");
}

static double ms(uint64_t from_us, uint64_t to_us)
{
    return (double)(to_us - from_us) / 1000;
}

int main(int argc, char **argv)
{
    static struct floor_run run = {.state_fd = -1, .machine = PYRO_MACHINE_INIT};
    uint64_t began_us = pyro_now_us();
    bool hold = argc > 3 && strcmp(argv[3], "hold") == 0;
    if (argc < 5)
        fail("usage: floor CONFIG_DIRECTORY TEMPLATE [hold] -- COMMAND…");
    run.command = argv + (hold ? 5 : 4);
    prepare(&run, argv[1], argv[2]);
    start(&run);
    pyro_loop_run(&run.loop);
    printf("%.2f %.2f %.2f %.2f\n", ms(began_us, run.up_us), ms(began_us, run.loaded_us),
           ms(began_us, run.ready_us), ms(began_us, run.over_us));
    fflush(stdout);
    char ignored;
    if (hold && read(STDIN_FILENO, &ignored, 1) < 0)
        return 1;
    pyro_machine_finish(&run.machine);
    unlink(run.config.machine.overlay);
    return 0;
}
