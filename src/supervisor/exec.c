/* What clients run. A command has the client's number here and another one in the guest; if it is
 * written down it has a third. Whatever happens to the client, its history is complete. */
#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"
#include "supervisor/command.h"

struct exec {
    struct supervisor *supervisor;
    struct client *client; /* NULL: it went away; output is dropped until the command ends */
    uint32_t stream;       /* its name at the client */
    struct command *command;
    struct history history;
    struct exec *next; /* of the same client */
};

static struct exec *find(const struct client *client, uint32_t stream)
{
    struct exec *exec = client->execs;
    while (exec && exec->stream != stream)
        exec = exec->next;
    return exec;
}

static void forget(struct exec *exec)
{
    struct exec **at = exec->client ? &exec->client->execs : NULL;
    while (at && *at != exec)
        at = &(*at)->next;
    if (at)
        *at = exec->next;
    exec->supervisor->exec_count--;
    free(exec);
}

static void started(void *userdata, uint32_t pid)
{
    struct exec *exec = userdata;
    if (exec->client)
        serve_send(exec->client, pyro_started_pack(&exec->client->out, exec->stream, pid));
}

/* The client gives credit as it reads. */
static bool output(void *userdata, enum pyro_channel channel, const uint8_t *bytes, uint32_t size)
{
    struct exec *exec = userdata;
    struct client *client = exec->client;
    history_output(exec->supervisor, &exec->history, channel, bytes, size);
    if (client)
        serve_send(client, pyro_frame_append(&client->out, PYRO_FRAME_DATA, channel, exec->stream,
                                             bytes, size));
    return !client;
}

static void writable(void *userdata, uint32_t bytes)
{
    struct exec *exec = userdata;
    if (exec->client)
        serve_send(exec->client,
                   pyro_credit_pack(&exec->client->out, exec->stream, PYRO_CHANNEL_STDIN, bytes));
}

static void ended(void *userdata, const struct pyro_exited *exited)
{
    struct exec *exec = userdata;
    if (exited)
        history_end(exec->supervisor, &exec->history, exited);
    else
        history_lose(exec->supervisor, &exec->history);
    if (exited && exec->client)
        serve_send(exec->client, pyro_exited_pack(&exec->client->out, exec->stream, exited));
    forget(exec);
}

static const struct command_owner owner = {
    .started = started, .output = output, .writable = writable, .ended = ended};

/* A workspace's command gets its number; what the host asks of the guest's tree is no command, and
 * what runs before it is complete is its maker's business. */
static int record(struct exec *exec, const struct pyro_exec *asked)
{
    struct supervisor *supervisor = exec->supervisor;
    if (!supervisor->config.is_workspace || supervisor->config.one_shot)
        return 0;
    history_use(supervisor);
    if (asked->flags & PYRO_EXEC_OWN) {
        history_note_use(supervisor);
        return 0;
    }
    int r = history_begin(supervisor, &exec->history, asked);
    if (r == 0)
        serve_send(exec->client, pyro_recorded_pack(&exec->client->out, exec->stream,
                                                    (uint32_t)exec->history.sequence));
    return r;
}

static int begin(struct client *client, uint32_t stream, const struct pyro_exec *asked)
{
    struct exec *exec = calloc(1, sizeof(*exec));
    if (!exec)
        return -ENOMEM;
    *exec = (struct exec){.supervisor = client->supervisor,
                          .client = client,
                          .stream = stream,
                          .next = client->execs};
    client->execs = exec;
    client->supervisor->exec_count++;
    int r = command_create(client->supervisor, asked, &owner, exec, &exec->command);
    if (r == 0 && (r = record(exec, asked)) < 0)
        command_discard(exec->command);
    if (r < 0)
        forget(exec);
    else
        command_send(exec->command);
    return r;
}

int exec_begin(struct client *client, const struct pyro_frame *frame)
{
    struct pyro_exec asked;
    if (frame->stream == 0 || find(client, frame->stream))
        return -EPROTO;
    int r = pyro_exec_unpack(frame->payload, frame->length, &asked);
    if (r == -EPROTO)
        return r;
    if (r == 0) {
        r = begin(client, frame->stream, &asked);
        pyro_exec_finish(&asked);
    }
    const struct pyro_exited refused = {.kind = PYRO_EXIT_UNSTARTED, .value = (uint32_t)-r};
    if (r < 0)
        serve_send(client, pyro_exited_pack(&client->out, frame->stream, &refused));
    return 0;
}

int exec_from_client(struct client *client, const struct pyro_frame *frame)
{
    struct exec *exec = find(client, frame->stream);
    uint32_t bytes = 0;
    if (!exec)
        return 0; /* it ended while the frame was on its way */
    switch (frame->type) {
    case PYRO_FRAME_KILL:
        command_kill(exec->command);
        return 0;
    case PYRO_FRAME_CREDIT:
        pyro_u32_unpack(frame->payload, frame->length, &bytes);
        return command_grant(exec->command, frame->channel, bytes);
    default:
        if (frame->length == 0)
            return command_end_input(exec->command);
        if (command_write(exec->command, frame->payload, frame->length) < frame->length)
            return -EPROTO; /* more than it had credit for, or the guest takes nothing any more */
        return 0;
    }
}

void exec_client_gone(struct client *client)
{
    while (client->execs) {
        struct exec *exec = client->execs;
        client->execs = exec->next;
        exec->client = NULL;
        command_kill(exec->command);
    }
}
