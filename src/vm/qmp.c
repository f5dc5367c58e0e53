/* QMP in three states (greeting, capabilities, ready), then requests that are told apart by their
 * id. Whatever cannot be understood ends the connection; every open request fails once before. */
#include "vm/qmp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/macros.h"

enum {
    LINE_CAP = 1 << 20,
    OUTPUT_CAP = 1 << 20,
    READ_SIZE = 16 << 10,
    SLOT_COUNT = 16,
};

enum state { AWAIT_GREETING, AWAIT_CAPABILITIES, READY, ENDED };

struct slot {
    json_int_t id; /* 0: free */
    pyro_qmp_reply reply;
    void *userdata;
};

struct pyro_qmp {
    int fd;
    enum state state;
    struct pyro_source source;
    struct pyro_qmp_events events;
    struct pyro_buffer input, output;
    size_t searched; /* bytes of `input` known to hold no line end */
    json_int_t last_id;
    struct slot slots[SLOT_COUNT];
    unsigned holds; /* callbacks under way, any of which may destroy us */
    bool destroyed;
};

static void hold(struct pyro_qmp *qmp)
{
    qmp->holds++;
}

static void let_go(struct pyro_qmp *qmp)
{
    if (--qmp->holds > 0 || !qmp->destroyed)
        return;
    pyro_buffer_finish(&qmp->input);
    pyro_buffer_finish(&qmp->output);
    free(qmp);
}

/* Fails what is open and reports the end. Destroying the object is the owner's part, and may happen
 * in any of these callbacks. */
static void end(struct pyro_qmp *qmp, const char *reason)
{
    if (qmp->state == ENDED)
        return;
    qmp->state = ENDED;
    pyro_source_remove(&qmp->source);
    hold(qmp);
    for (size_t i = 0; i < SLOT_COUNT && !qmp->destroyed; i++) {
        struct slot slot = qmp->slots[i];
        qmp->slots[i] = (struct slot){0};
        if (slot.id && slot.reply)
            slot.reply(slot.userdata, NULL, reason);
    }
    if (!qmp->destroyed && qmp->events.ended)
        qmp->events.ended(qmp->events.userdata, reason);
    let_go(qmp);
}

static void update_events(struct pyro_qmp *qmp)
{
    pyro_source_set(&qmp->source, EPOLLIN | (qmp->output.size > 0 ? EPOLLOUT : 0u));
}

/* 0 or -errno; the end of the connection itself is found by the next read. */
static int flush(struct pyro_qmp *qmp)
{
    int r = pyro_buffer_write(&qmp->output, qmp->fd);
    update_events(qmp);
    return r == -EAGAIN ? 0 : r;
}

/* One line, without a NUL at its end; to be freed. NULL when out of memory. */
static char *format_command(const char *command, const json_t *arguments, json_int_t id,
                            size_t *ret_size)
{
    cleanup_json json_t *request = json_pack("{s:s, s:I}", "execute", command, "id", id);
    if (!request || (arguments && json_object_set(request, "arguments", (json_t *)arguments) < 0))
        return NULL;
    char *text = json_dumps(request, JSON_COMPACT);
    if (!text)
        return NULL;
    size_t size = strlen(text);
    text[size] = '\n'; /* in place of the NUL: both go out in one piece, or none */
    *ret_size = size + 1;
    return text;
}

static int send_command(struct pyro_qmp *qmp, const char *command, const json_t *arguments,
                        json_int_t id)
{
    size_t size;
    cleanup_free char *text = format_command(command, arguments, id, &size);
    if (!text)
        return -ENOMEM;
    int r = pyro_buffer_append(&qmp->output, text, size);
    return r < 0 ? r : flush(qmp);
}

/* A descriptor travels with the bytes of its own command, so these go out in one piece. */
static int send_with_fd(struct pyro_qmp *qmp, const char *text, size_t size, int fd)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (char *)text, .iov_len = size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    control.header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    if (qmp->output.size > 0)
        return -EBUSY;
    ssize_t sent = sendmsg(qmp->fd, &message, MSG_NOSIGNAL);
    return sent < 0 ? -errno : (size_t)sent < size ? -EPIPE : 0;
}

static void receive_greeting(struct pyro_qmp *qmp, const json_t *message)
{
    if (!json_is_object(json_object_get(message, "QMP"))) {
        end(qmp, "QEMU's monitor did not greet");
        return;
    }
    qmp->state = AWAIT_CAPABILITIES;
    if (send_command(qmp, "qmp_capabilities", NULL, 0) < 0)
        end(qmp, "cannot write to QEMU's monitor");
}

static const char *problem_text(const json_t *failure)
{
    return pyro_json_text(failure, "desc", "QEMU refused without saying why");
}

static void receive_capabilities(struct pyro_qmp *qmp, const json_t *message)
{
    const json_t *failure = json_object_get(message, "error");
    if (failure) {
        end(qmp, problem_text(failure));
    } else if (json_object_get(message, "return")) {
        qmp->state = READY;
        if (qmp->events.ready)
            qmp->events.ready(qmp->events.userdata);
    }
}

static void receive_reply(struct pyro_qmp *qmp, const json_t *message)
{
    const json_t *id = json_object_get(message, "id");
    const json_t *result = json_object_get(message, "return");
    const json_t *failure = json_object_get(message, "error");
    for (size_t i = 0; i < SLOT_COUNT && json_is_integer(id) && (result || failure); i++) {
        struct slot slot = qmp->slots[i];
        if (slot.id == 0 || slot.id != json_integer_value(id))
            continue;
        qmp->slots[i] = (struct slot){0};
        if (slot.reply)
            slot.reply(slot.userdata, failure ? NULL : result,
                       failure ? problem_text(failure) : NULL);
        return;
    }
    /* An answer to nothing is QEMU's bug or an attack; neither needs more than to be dropped. */
}

static void receive(struct pyro_qmp *qmp, const json_t *message)
{
    const char *event = pyro_json_text(message, "event", NULL);
    if (qmp->state == AWAIT_GREETING)
        receive_greeting(qmp, message);
    else if (event && qmp->events.event)
        qmp->events.event(qmp->events.userdata, event, json_object_get(message, "data"));
    else if (event)
        return;
    else if (qmp->state == AWAIT_CAPABILITIES)
        receive_capabilities(qmp, message);
    else
        receive_reply(qmp, message);
}

/* Whether there was a whole line. */
static bool take_line(struct pyro_qmp *qmp)
{
    const char *start = (const char *)pyro_buffer_data(&qmp->input);
    const char *line_end = qmp->input.size > qmp->searched ? memchr(start + qmp->searched, '\n',
                                                                    qmp->input.size - qmp->searched)
                                                           : NULL;
    if (!line_end) {
        qmp->searched = qmp->input.size;
        return false;
    }
    size_t size = (size_t)(line_end - start);
    cleanup_json json_t *message = json_loadb(start, size, 0, NULL);
    pyro_buffer_consume(&qmp->input, size + 1);
    qmp->searched = 0;
    if (json_is_object(message))
        receive(qmp, message);
    else
        end(qmp, "QEMU's monitor sent something that is not QMP");
    return true;
}

static void on_input(struct pyro_qmp *qmp)
{
    long got = pyro_buffer_read(&qmp->input, qmp->fd,
                                MIN((size_t)READ_SIZE, MAX(pyro_buffer_room(&qmp->input), 1u)));
    if (got == -EAGAIN)
        return;
    if (got == -ENOBUFS) {
        end(qmp, "QEMU's monitor sent a line without an end");
        return;
    }
    if (got <= 0) {
        end(qmp, "QEMU closed its monitor");
        return;
    }
    while (qmp->state != ENDED && take_line(qmp))
        ;
}

static void on_ready(struct pyro_source *source, uint32_t events)
{
    struct pyro_qmp *qmp = source->userdata;
    hold(qmp);
    if (events & EPOLLOUT)
        flush(qmp);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        on_input(qmp);
    let_go(qmp);
}

int pyro_qmp_create(struct pyro_loop *loop, int fd, const struct pyro_qmp_events *events,
                    struct pyro_qmp **ret_qmp)
{
    struct pyro_qmp *qmp = calloc(1, sizeof(*qmp));
    if (!qmp)
        return -ENOMEM;
    qmp->events = *events;
    pyro_buffer_init(&qmp->input, LINE_CAP);
    pyro_buffer_init(&qmp->output, OUTPUT_CAP);
    int r = pyro_source_add(loop, &qmp->source, fd, EPOLLIN, on_ready, qmp);
    if (r < 0) {
        free(qmp);
        return r;
    }
    qmp->fd = fd;
    *ret_qmp = qmp;
    return 0;
}

void pyro_qmp_destroy(struct pyro_qmp *qmp)
{
    if (!qmp)
        return;
    hold(qmp);
    qmp->destroyed = true;
    qmp->state = ENDED;
    pyro_source_remove(&qmp->source);
    close(qmp->fd);
    let_go(qmp);
}

static struct slot *find_free_slot(struct pyro_qmp *qmp)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        if (qmp->slots[i].id == 0)
            return &qmp->slots[i];
    }
    return NULL;
}

int pyro_qmp_execute(struct pyro_qmp *qmp, const char *command, const json_t *arguments,
                     pyro_qmp_reply reply, void *userdata)
{
    struct slot *slot = find_free_slot(qmp);
    if (qmp->state != READY || !slot)
        return qmp->state != READY ? -ENOTCONN : -EBUSY;
    int r = send_command(qmp, command, arguments, qmp->last_id + 1);
    if (r == 0)
        *slot = (struct slot){++qmp->last_id, reply, userdata};
    return r;
}

int pyro_qmp_give_fd(struct pyro_qmp *qmp, const char *name, int fd, pyro_qmp_reply reply,
                     void *userdata)
{
    struct slot *slot = find_free_slot(qmp);
    if (qmp->state != READY || !slot)
        return qmp->state != READY ? -ENOTCONN : -EBUSY;
    size_t size;
    cleanup_json json_t *arguments = json_pack("{s:s}", "fdname", name);
    cleanup_free char *text =
        arguments ? format_command("getfd", arguments, qmp->last_id + 1, &size) : NULL;
    int r = text ? send_with_fd(qmp, text, size, fd) : -ENOMEM;
    if (r == 0)
        *slot = (struct slot){++qmp->last_id, reply, userdata};
    return r;
}
