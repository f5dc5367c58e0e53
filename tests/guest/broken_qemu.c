/* QEMU, but one that cannot restore a guest: it ends at once, or (HANGS) uses up its time doing
 * nothing. A program and no script, because it is run where there is no shell. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-incoming") != 0)
            continue;
#ifdef HANGS
        for (volatile unsigned long turns = 0;; turns++)
            ;
#endif
        fprintf(stderr, "qemu: this one restores nothing\n");
        return 1;
    }
    execv(REAL_QEMU, argv);
    return 127;
}
