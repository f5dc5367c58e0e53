#include "workspace/call.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "wire/message.h"

/* One call under way. */
struct call {
    const struct pyro_tree_call *wanted;
    bool gave_up; /* a callback did, and said why in `error` */
    struct pyro_error *error;
    char complaint[400]; /* what the agent's command wrote to its stderr */
    size_t complaint_size;
};

static long on_input(void *userdata, uint8_t *bytes, size_t most)
{
    struct call *call = userdata;
    long got = call->wanted->input(call->wanted->userdata, bytes, most, call->error);
    call->gave_up = call->gave_up || (got < 0 && got != -EAGAIN);
    return got;
}

/* It goes into a message: one line, nothing a terminal would obey. */
static void keep_complaint(struct call *call, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size && call->complaint_size + 1 < sizeof(call->complaint); i++) {
        char c = (char)bytes[i];
        bool printable = (unsigned char)c >= 0x20 && c != 0x7f;
        if (printable)
            call->complaint[call->complaint_size++] = c;
    }
}

static int on_output(void *userdata, enum pyro_stream stream, const void *bytes, size_t size)
{
    struct call *call = userdata;
    if (stream == PYRO_STDERR) {
        keep_complaint(call, bytes, size);
        return 0;
    }
    int r = call->wanted->output(call->wanted->userdata, bytes, size, call->error);
    call->gave_up = call->gave_up || r < 0;
    return r;
}

static int run(void *userdata, const struct pyro_tree_call *wanted, struct pyro_error *error)
{
    struct pyro_guest_channel *guest = userdata;
    struct pyro_error why = PYRO_ERROR_INIT, ended = PYRO_ERROR_INIT;
    struct call call = {.wanted = wanted, .error = &why};
    const struct pyro_client_input input = {.userdata = &call, .read = on_input};
    const struct pyro_observer observer = {.userdata = &call,
                                           .output = on_output,
                                           .cancel_fd =
                                               guest->caller ? guest->caller->cancel_fd : -1,
                                           .stdin_fd = -1};
    struct pyro_exec exec = {
        .flags = PYRO_EXEC_OWN, .arguments = (char **)wanted->arguments, .directory = "/"};
    struct pyro_exited exited = {0};
    int r = pyro_client_exec_from(guest->client, &exec, wanted->input ? &input : NULL, &observer,
                                  &exited, &ended);
    if (call.gave_up)
        ended = why;
    else if (r == 0 && (exited.kind != PYRO_EXIT_CODE || exited.value != 0))
        pyro_error_set(&ended, PYRO_ERROR_WORKSPACE_FAILED, "%s",
                       call.complaint_size > 0 ? call.complaint
                                               : "the guest agent's command was killed");
    else if (r == 0)
        return 0;
    if (error)
        *error = ended;
    return -1;
}

void pyro_guest_channel_init(struct pyro_guest_channel *guest, struct pyro_client *client,
                             const struct pyro_observer *caller)
{
    *guest = (struct pyro_guest_channel){.client = client, .caller = caller};
    guest->channel = (struct pyro_tree_channel){.userdata = guest, .run = run};
}
