package nemesis

import "github.com/faultline-dev/faultline/harness/cluster"

// What docs/nemeses.md says of each nemesis.

var aimKinds = [][2]string{
	{"one", "a node at random"},
	{"minority", "fewer than half of the nodes"},
	{"majority", "more than half of the nodes"},
	{"leader", "the node that leads, or one at random where nobody knows"},
	{"all", "every node"},
}

var partitionPage = Page{
	Kinds: [][2]string{
		{"one", "one node is cut off from all others"},
		{"halves", "two sides of the same size, or nearly"},
		{"majority", "a majority is cut off from a minority"},
		{"majorities-ring", "every node hears a majority, and no two nodes the same one"},
		{"bridge", "two halves that only one node reaches, and it reaches both"},
		{"leader", "the node that leads is cut off from all others"},
		{"one-way", "some nodes hear nothing of the others, who still hear them"},
	},
	Sim:      "Packets are dropped on arrival, also those under way.",
	Docker:   "nftables rules in the node's own network namespace drop what comes in from the peers' addresses, IPv4 and IPv6. Nothing is installed in the container, and no rule of the host changes. Only input is dropped: a drop on output would show the sender an error that a real network does not give. A node that restarts under a cut gets it back some milliseconds after its process began.",
	Evidence: "The packets that the rules dropped, by their counters. A cut that no packet met did not bite.",
	Limits: []string{
		"Clients are never cut off: each reaches its node.",
		"TCP connections survive a cut and go on some seconds after it heals, when the kernel next retransmits; recovery is waited for.",
	},
}

var killPage = Page{
	Kinds:    aimKinds,
	Sim:      "The process ends. What it had written is there when it starts again, synced or not; of a write that was under way a part may be.",
	Docker:   "The engine kills the container's processes with SIGKILL and starts it again. Its volumes survive; its network namespace and process numbers are new, so that other faults in force are put back.",
	Evidence: "The process number that is gone.",
	Limits: []string{
		"The machine goes on, and with it the kernel's page cache: a kill loses no write that the process had made. That takes the nemesis disk.",
		"`kill-process` is for containers: the node's other processes go on, and whether something starts the killed one again is the node's own affair until the fault ends; if nothing did, the node is restarted. The simulated world's nodes are one process each.",
	},
}

var pausePage = Page{
	Kinds:    aimKinds,
	Sim:      "Packets, timers and completions of the node wait until it goes on.",
	Docker:   "The engine freezes the container's control group, so that none of its processes runs.",
	Evidence: "The engine's word that the container is frozen.",
	Limits: []string{
		"A frozen node still takes packets into its kernel's buffers, as a stopped process does.",
		"`pause-how=stop` and `pause-process` are for containers: SIGSTOP to the processes found when the fault begins, confirmed by the state of each of their threads. A supervisor that kills what does not answer may end them.",
	},
}

var restartPage = Page{
	Kinds:    aimKinds,
	Sim:      "The process ends once its disk has done what was asked of it, or five seconds later; then it starts again.",
	Docker:   "The engine sends SIGTERM (or what the image says) to the container's first process, and SIGKILL if it has not ended five seconds later; then it starts it again.",
	Evidence: "The process number that is gone, the exit code, and whether it had to be killed.",
	Limits:   []string{"The reference systems have nothing to do when they are told to end but to let their disks finish, in either world."},
}

var crashLoopPage = Page{
	Kinds:    aimKinds,
	Sim:      "The process ends and starts three to five times; each life lasts until the node answers, or a time up to 1.5 s (or a quarter of `--interval`).",
	Docker:   "Three to five times the engine kills the container's processes and starts them again; each life lasts until the node answers, or a time up to 1.5 s (or a quarter of `--interval`) that may be too short for that.",
	Evidence: "How often each node was gone.",
	Limits:   []string{"Other nemeses of the run wait while it goes on, an interval or so."},
}

var diskPage = Page{
	Kinds: [][2]string{
		{loseUnsynced, "the power fails while syncs are under way: nodes end, and what they had not synced is gone"},
		{tornWrite, "the power fails likewise, but of unsynced writes all are there except the last to each file, of which only the first sectors are"},
		{slowDisk, "every read, write and sync takes 2 to 256 ms longer"},
		{stalledDisk, "every read, write and sync waits until the fault ends"},
		{fullDisk, "files can grow by no more than up to 1 MiB together; not by default, for a system may well end itself then, which counts as an anomaly"},
		{string(cluster.FlipBit), "one bit of a file is turned over while the node is down (`disk-live`: while it runs); not by default, for it may break what no system promises"},
		{string(cluster.Truncate), "a file loses its end, likewise"},
	},
	Sim:      "Disks are modelled: a file is what was synced and what was written to it since, and a node's requests wait in one queue. To make the power fail, syncs are held for 150 ms or until a write waits for one, a second at most; then the node ends, and what was not synced is taken back. In simulation a torn write leaves a prefix of the unsynced writes to a file and of the next one a part, or zeros in its place.",
	Docker:   "The directories of the node's volumes are on a file system of our own (FUSE). It passes everything on to a directory of the host, and keeps what it would take to undo it until a sync makes it last. A helper process serves it, which outlives the harness: a `kill -9` of that stalls no node, and `faultline clean` takes the helper, the mounts and the directories away. To make the power fail, syncs are held for a moment, so that some are always under way; then the container is killed and the journal played backwards.",
	Evidence: "What was lost, in writes, bytes, files and changes to directories; which bit of which file; how many requests were slow, waited or were refused. A power failure that found nothing unsynced did not bite.",
	Limits: []string{
		"A sync in simulation costs up to 2 ms, and makes durable all that was written to the file before, by whichever life of the node. Names are always durable.",
		"In containers a sync of a file or directory keeps that file's content and all earlier changes to directories, as ext4 and XFS do: a file made and synced, but whose directory was not, survives.",
		"Writes are kept in order within a file. In containers a sector of 512 bytes is kept whole or not at all.",
		"In containers a rename that replaces a file does not sync the new content first (ext4 does by default, XFS does not).",
		"In containers syncs cost less than on a real disk: nothing below is synced.",
		"In containers modes, owners and times are kept at once. `O_TMPFILE`, `copy_file_range` between files and punching holes are refused, and programs do without. There are no extended attributes below a file system that has none.",
		"In containers it takes FUSE (`/dev/fuse`), root and an engine on this very machine; `faultline doctor` tries it. A cluster that was attached has disks of its own, and is refused.",
	},
}

var clockPage = Page{
	Kinds: [][2]string{
		{"bump", "the clock jumps by 4 ms to 262 s, each order of magnitude as likely as the next, forwards or backwards; or by clock-offset"},
		{"strobe", "the clock flips between the true time and such an offset every 1 ms to 1 s"},
		{"drift", "the clock runs up to 20% too fast or too slow"},
	},
	Sim:      "The node's wall clock is set; its monotonic clock, which drives timers, is not.",
	Docker:   "Every process of the node's container is made to read a false time, from outside: the code that the kernel maps into it to tell the time (the vDSO) is overwritten in this process's own copy. That reaches static programs, Go and Java as well, takes nothing in the container, and never touches the host's clock; monotonic clocks go on as they are. The process stands still for less than a millisecond the first time and not at all later. While a skew is in force new processes are looked for every 20 ms, and a node that restarts gets the skew back some milliseconds after its process began.",
	Evidence: "The offset that the node's clock reads; in containers also whose it is, read back from the memory of the process: `n1 jumps by 2s: pid 123 (+2 more) reads +2.000s`. When it is reset, what is left of it.",
	Limits: []string{
		"In containers a deadline that the kernel itself compares with the wall clock ignores the skew: `clock_nanosleep` with `TIMER_ABSTIME`, `timerfd`, `pthread_cond_timedwait`, Java's `parkUntil`. So does a program that asks by a raw system call.",
		"The first skew of a process makes a wait of it end early once, with `EINTR`: `epoll_wait`, `sigtimedwait`, `recv` with a timeout.",
		"A child that a process forks has its parent's skew, a process that becomes another program (exec) reads true time until it is found, some 20 ms later.",
		"A frozen container whose clock was not skewed before is skipped, and so is a node that is down.",
		"It takes Linux on amd64 or arm64, 64-bit processes, and the right to trace them (root, or `SYS_PTRACE`); `faultline doctor` tries it.",
	},
}

var packetPage = Page{
	Kinds: [][2]string{
		{"delay", "20 to 200 ms are added to every packet, more or less by half of that"},
		{"loss", "5 to 40% of the packets are lost"},
		{"duplicate", "5 to 50% of the packets arrive twice"},
		{"reorder", "5 to 50% of the packets are held back and overtaken"},
		{"corrupt", "a bit of the payload is flipped in 5 to 30% of the packets, whose checksums then fail; only if asked for"},
		{"rate", "a node's links carry 64 to 2,048 kbit/s, and lose what would have to wait longer than half a second; only if asked for"},
	},
	Sim:      "The links between nodes are shaped. They stand for TCP, so a lost packet is one whose connection lost it.",
	Docker:   "nftables rules in the node's network namespace hand what comes in from the peers' addresses to a queue (NFQUEUE) that the harness serves: it lets packets go late, drops them or changes them. A packet is doubled by a rule that sends a copy of it to the node itself (nftables' dup). Both ends of a link are shaped on their way in. When the harness dies, however it dies, nobody serves the queue, and packets pass; doubling ends with `faultline clean`.",
	Evidence: "The packets that were touched.",
	Limits: []string{
		"Packets between clients and nodes are left alone.",
		"In simulation a packet with a flipped bit is lost, for its checksum fails.",
		"The queue costs about 50 us of CPU a packet, so a link carries less than it would alone. Above 8,192 packets in the queue further ones pass unshaped.",
		"The kernel's own netem is not used, so that all kernels behave the same; a kernel without NFQUEUE cannot shape, and one without nft_dup cannot double packets (`faultline doctor` says).",
	},
}

var membershipPage = Page{
	Kinds: [][2]string{
		{"one", "a member at random leaves"},
		{"minority", "fewer than half of the members leave, one after another"},
		{"leader", "the node that leads leaves, or one at random where nobody knows"},
	},
	Sim:      "The system is asked to, through a client's connection to any node that answers. No process ends.",
	Docker:   "The same.",
	Evidence: "The members, as the system itself tells them: those that left are not among them; at the end all nodes are.",
	Limits: []string{
		"It is for systems whose connections can ask for it (`cluster.Members`); others refuse it.",
		"A node that another fault holds does not leave. One that has left may be killed, paused or cut off as before.",
		"A change that the system does not confirm within three seconds is taken as possible, and undone like one that is; it does not count as having bitten.",
		"Other nemeses of the run wait meanwhile. When faults are undone, this one is last, since the system needs its nodes for it; if not all nodes are members a minute later, the cluster did not recover.",
	},
}
