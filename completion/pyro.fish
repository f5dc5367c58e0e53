# fish completion for pyro. What there is to offer, `pyro complete` knows; this passes words on.

function __pyro_offers
    set -l words (commandline -opc)
    # The current word without its quotes; fish opens none for us.
    set -l word (string replace -r -- '^["\']' '' (commandline -ct))
    command pyro complete $words[2..] "$word" 2>/dev/null
end

function __pyro_wants_path
    contains -- :files (__pyro_offers)
end

complete -c pyro -f -a '(__pyro_offers | string match -v :files)'
complete -c pyro -F -n __pyro_wants_path
