package app

import (
	"fmt"
	"io"
)

// usageText is what mdb(1) prints for a bad command line, to the letter.
const usageText = `Usage: %s [-fkmuwyAFKMSUW] [+/-o option] [-b VM] [-p pid] [-s dist] [-I path] [-L path]
        [-P prompt] [-R root] [-V dis-version] [-e expr] [object [core] | core | suffix]

        -b attach to specified bhyve VM
        -e evaluate expr and return status
        -f force raw file debugging mode
        -k force kernel debugging mode
        -m disable demand-loading of module symbols
        -o set specified debugger option (+o to unset)
        -p attach to specified process-id
        -s set symbol matching distance
        -u force user program debugging mode
        -w enable write mode
        -y send terminal initialization sequences for tty mode
        -A disable automatic loading of mdb modules
        -F enable forcible takeover mode
        -K stop operating system and enter live kernel debugger
        -M preload all module symbols
        -I set initial path for macro files
        -L set initial path for module libs
        -P set command-line prompt
        -R set root directory for pathname expansion
        -S suppress processing of ~/.mdbrc file
        -U unload live kernel debugger
        -W enable I/O-mapped memory access (kernel only)
        -V set disassembler version
`

// ownUsage follows it under the name xmdb.
const ownUsage = `
xmdb's own:
        -J, --json print rows as JSON, one object a line
        -e expr    as above, but what could not be read makes the status 1, too
        -g machine look at the machine that a hypervisor runs; machine is
                   qmp:SOCKET, qmp:HOST:PORT, gdb:SOCKET, gdb:HOST:PORT,
                   bhyve:HOST:PORT, pid:PID, virsh:DOMAIN or mem:FILE
        --stop     with -g: halt the machine while it is looked at
        --run program [args ...]
                   start a program, halted before its first instruction
        --no-stop  with -p: look at the process without halting it
        --sample   open the built-in sample, a crash dump of an illumos kernel,
                   and show a short tour; --sample=process: a process's core
        --version  print the version
        -h, --help print this text

       xmdb build [--source DIR] [--with MODULE=PATH] ... [-o FILE]
        make an xmdb with more modules compiled in

       xmdb savecore [-f] vmdump.N [DIR]
        write unix.N and vmcore.N from a compressed illumos crash dump
`

func usage(w io.Writer, c *config) {
	fmt.Fprintf(w, usageText, c.prog)
	if !c.asMDB {
		io.WriteString(w, ownUsage)
	}
}
