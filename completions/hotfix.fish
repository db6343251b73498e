# Completion of hotfix(1) and hotfix-build(1) for fish; installed as
# share/fish/vendor_completions.d/hotfix.fish and hotfix-build.fish.
#
# Commands and options with their descriptions are read from the programs' own
# help, patches and processes from `hotfix status`.

# "--option<tab>description" of a command's help.
function __hotfix_options
    $argv --help 2>/dev/null | string replace -rf '^ +(?:-\w, +)?(--[a-z-]+)\S*(?: [A-Z.]+)* *(.*)$' '$1\t$2'
end

function __hotfix_commands
    hotfix --help 2>/dev/null | sed -n '/^Commands:/,/^$/p' | string replace -rf '^  ([a-z]+) +(.*)$' '$1\t$2'
end

function __hotfix_patched
    hotfix status --json 2>/dev/null | string match -ra '\{"pid":\d+,"process":"[^"]*"' | string replace -r '\{"pid":(\d+),"process":"([^"]*)"' '$1\t$2'
end

function __hotfix_patches
    hotfix status --json 2>/dev/null | string match -ra '\{"name":"[^"]*","state"' | string replace -r '\{"name":"([^"]*)".*' '$1' | sort -u
end

function __hotfix_command
    set -l words (commandline -opc)
    test (count $words) -gt 1; and echo $words[2]
end

function __hotfix_is
    contains -- (__hotfix_command) $argv
end

function __hotfix_options_of_command
    set -l command (__hotfix_command)
    test -n "$command"; and __hotfix_options hotfix $command
end

complete -c hotfix -f
complete -c hotfix -n 'test -z (__hotfix_command)' -a '(__hotfix_commands)'
complete -c hotfix -n 'string match -q -- "-*" (commandline -ct)' -a '(__hotfix_options_of_command)'
complete -c hotfix -n '__hotfix_is apply check show keep report' -k -a '(__fish_complete_suffix .hotfix.so)'
complete -c hotfix -n '__hotfix_is revert confirm unkeep report' -a '(__hotfix_patches)'
complete -c hotfix -n '__hotfix_is apply check' -s p -l pid -x -a '(__fish_complete_pids)'
complete -c hotfix -n '__hotfix_is revert status recover' -s p -l pid -x -a '(__hotfix_patched)'
complete -c hotfix -n '__hotfix_is apply check revert' -l mode -x -a 'quiescent entry'
complete -c hotfix -n '__hotfix_is apply check revert' -l scan -x -a all
complete -c hotfix -n '__hotfix_is apply check' -l policy -r -F
complete -c hotfix -n '__hotfix_is report' -l format -x -a 'md html json'
complete -c hotfix -n '__hotfix_is report' -l git -x -a '(__fish_complete_directories)'
complete -c hotfix -n '__hotfix_is report' -s o -l output -r -F

complete -c hotfix-build -n 'string match -q -- "-*" (commandline -ct)' -a '(__hotfix_options hotfix-build)'
complete -c hotfix-build -l source -x -a '(__fish_complete_directories)'
complete -c hotfix-build -l sysroot -x -a '(__fish_complete_directories)'
complete -c hotfix-build -l cache -x -a '(__fish_complete_directories)'
