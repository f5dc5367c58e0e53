/* The channel to the guest agent. Every byte that comes out of it is hostile: one frame that is not
 * allowed, and the guest is lost. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "supervisor/session.h"
#include "supervisor/supervisor.h"

static int take_ready(struct supervisor *supervisor, const struct pyro_frame *frame)
{
    struct pyro_ready ready;
    int r = pyro_ready_unpack(frame->payload, frame->length, &ready);
    if (r < 0)
        return r;
    /* Times of a guest are only shown, but nonsense would overflow what is made of them. */
    if (ready.init_us > ready.ready_us || ready.ready_us > UINT32_MAX * 1000ull)
        return -EPROTO;
    supervisor->ready = ready;
    life_event(supervisor, EVENT_READY, "READY");
    return 0;
}

static int take_setup_done(struct supervisor *supervisor, const struct pyro_frame *frame)
{
    struct pyro_setup_done done;
    int r = pyro_setup_done_unpack(frame->payload, frame->length, &done);
    if (r < 0)
        return r;
    for (char *c = done.step; *c; c++) {
        if (*c < ' ' || *c > '~') /* it goes to a terminal */
            *c = '?';
    }
    if (done.error)
        life_event(supervisor, EVENT_SETUP_FAILED, "the guest could not take its identity: %s: %s",
                   done.step, strerror((int)(done.error & 0xfff)));
    else
        life_event(supervisor, EVENT_SETUP_DONE, "SETUP_DONE");
    return 0;
}

static int dispatch(struct supervisor *supervisor, const struct pyro_frame *frame)
{
    switch (frame->type) {
    case PYRO_FRAME_READY:
        return take_ready(supervisor, frame);
    case PYRO_FRAME_SETUP_DONE:
        return take_setup_done(supervisor, frame);
    case PYRO_FRAME_SEALED:
        life_event(supervisor, EVENT_SEALED, "SEALED");
        return 0;
    default:
        return command_from_guest(supervisor, frame);
    }
}

static void lost(struct supervisor *supervisor, const char *why)
{
    guest_close(supervisor);
    life_event(supervisor, EVENT_GUEST_LOST, "%s", why);
}

/* Takes whole frames out of what was read. False when the guest was lost or the channel replaced.
 */
static bool take_frames(struct supervisor *supervisor)
{
    struct pyro_buffer *in = &supervisor->guest_in;
    struct pyro_frame frame;
    int r;
    while ((r = pyro_frame_decode(pyro_buffer_data(in), in->size, PYRO_FROM_GUEST, &frame)) > 0) {
        unsigned starts = supervisor->starts;
        if (dispatch(supervisor, &frame) < 0) {
            r = -EPROTO;
            break;
        }
        if (supervisor->starts != starts || !supervisor->guest.loop)
            return false;
        pyro_buffer_consume(in, pyro_frame_size(&frame));
    }
    if (r < 0)
        lost(supervisor, "the guest agent sent a frame that is not allowed");
    return r == 0;
}

static void ready_io(struct pyro_source *source, uint32_t events)
{
    struct supervisor *supervisor = source->userdata;
    if (events & EPOLLOUT) {
        guest_flush(supervisor);
        if (source->loop && supervisor->guest_out.size == 0) {
            pyro_source_set(source, EPOLLIN);
            shells_send_input(supervisor);
        }
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)) || !source->loop)
        return;
    long got = pyro_buffer_read(&supervisor->guest_in, source->fd, PYRO_FRAME_SIZE_MAX);
    if (got == -EAGAIN)
        return;
    if (got <= 0) {
        lost(supervisor, "the channel to the guest ended");
        return;
    }
    supervisor->heard_us = pyro_now_us();
    take_frames(supervisor);
}

int guest_open(struct supervisor *supervisor, int fd)
{
    pyro_buffer_init(&supervisor->guest_in, 2 * PYRO_FRAME_SIZE_MAX);
    pyro_buffer_init(&supervisor->guest_out, OUTGOING_MAX);
    return pyro_source_add(&supervisor->loop, &supervisor->guest, fd, EPOLLIN, ready_io,
                           supervisor);
}

void guest_close(struct supervisor *supervisor)
{
    if (!supervisor->guest.loop)
        return;
    pyro_source_remove(&supervisor->guest);
    close(supervisor->guest.fd);
    pyro_buffer_finish(&supervisor->guest_in);
    pyro_buffer_finish(&supervisor->guest_out);
}

void guest_flush(struct supervisor *supervisor)
{
    if (!supervisor->guest.loop)
        return;
    int r = pyro_buffer_write(&supervisor->guest_out, supervisor->guest.fd);
    if (r == -EAGAIN) /* ready_io() takes that back, and hears of the room there is then */
        pyro_source_set(&supervisor->guest, EPOLLIN | EPOLLOUT);
    else if (r < 0)
        lost(supervisor, "the channel to the guest broke");
}
