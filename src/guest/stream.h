/* A command's three streams: pipes or a terminal on one side, DATA and CREDIT frames on the other.
 */
#ifndef PYRO_GUEST_STREAM_H
#define PYRO_GUEST_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/loop.h"
#include "wire/frame.h"

struct pyro_command;

/* stdin: host → pipe. What the pipe does not take waits in `waiting`, at most one window. */
struct pyro_input {
    struct pyro_source source;
    struct pyro_command *command;
    int fd; /* -1: closed, or there never was one; data is dropped */
    struct pyro_buffer waiting;
    uint32_t window; /* bytes the host may still send */
    uint32_t owed;   /* bytes consumed for which no CREDIT was sent yet */
    bool ended;      /* end-of-file was received */
};

/* stdout or stderr: pipe → host, only as far as the host gave credit. */
struct pyro_output {
    struct pyro_source source;
    struct pyro_command *command;
    enum pyro_channel channel;
    int fd; /* -1: closed */
    uint32_t credit;
    bool is_terminal; /* `fd` is the other end of one */
    bool bounded;     /* the command is over: only `left` more bytes are its own */
    uint32_t left;
};

/* Take over the agent's end of the pipe (non-blocking). 0 or a negative errno. */
int pyro_input_init(struct pyro_input *input, struct pyro_command *command, int fd);
void pyro_output_init(struct pyro_output *output, struct pyro_command *command,
                      enum pyro_channel channel, int fd);

void pyro_input_finish(struct pyro_input *input);
void pyro_output_close(struct pyro_output *output);

/* A DATA frame; of length 0: end of file. -EPROTO when the host had no credit for it. */
int pyro_input_receive(struct pyro_input *input, const uint8_t *bytes, uint32_t size);

/* A CREDIT frame. */
void pyro_output_credit(struct pyro_output *output, uint32_t bytes);

/* Nothing more will be sent. */
bool pyro_output_is_done(const struct pyro_output *output);

/* Reads what is there, if it can be sent, and goes on watching. */
void pyro_output_look(struct pyro_output *output);

/* Watches the pipe if, and only if, something read from it could be sent. */
void pyro_output_watch(struct pyro_output *output);

/* The process ended: what lies in the pipe now is its last output, whoever else holds the pipe. */
void pyro_output_bound(struct pyro_output *output);

#endif
