package workloads

// Page is what a workload's part of the page of workloads says besides its options.
type Page struct {
	Does      string      // what its clients do, a sentence or two
	Anomalies [][2]string // what its checker may say, and what that means
}

var registerPage = Page{
	Does: "Threads read, write and compare-and-set a few registers side by side; each register lives for some hundred operations. Where the system offers no compare-and-set it is left out. " +
		"With `--model eventual` and `no-lost-write` every thread reads, after healing, the registers written last, twice: the first reads may mend replicas, the second ones are judged. " +
		"Of a store that keeps siblings they read all of them.",
	Anomalies: [][2]string{
		{"nonlinearizable", "no order of the register's operations respects real time; the sentence names an operation that nobody can place. Stale reads are measured then: how many, and how far behind in milliseconds and versions"},
		{"nonsequential", "(`--model sequential`) no order of all operations on all keys keeps to the order of each process; real time does not count. It is searched for within the budget"},
		{"incoherent", "(`--model coherence`) no order of the operations on a key keeps to the order of each process"},
		{"monotonic-reads", "(`--model monotonic-reads`) no order of a key's versions is such that no process read a version and later an older one. " +
			"This guarantee and the next three are about each key by itself. Where one of them and others contradict each other, but none of them does by itself, the verdict on it is unknown: a history does not say which of them is broken"},
		{"read-your-writes", "(`--model read-your-writes`) no order of a key's versions is such that no process read an older version than one that it had written"},
		{"monotonic-writes", "(`--model monotonic-writes`) no order of a key's versions is such that each process's writes come in the order in which it made them"},
		{"writes-follow-reads", "(`--model writes-follow-reads`) no order of a key's versions is such that what a process wrote comes after all that it had read"},
		{"divergence", "(`--model eventual`, `no-lost-write`) two final reads of a key differ, and neither shows a write in doubt that nobody had seen before: such a one may take effect late, and the replicas begin anew to agree"},
		{"lost-write", "(`--model no-lost-write`; only counted with `eventual`) an acknowledged write is gone that nothing later overwrote. What the final reads found was then there before it: " +
			"its write had been acknowledged, or read, or replaced by a compare-and-set that had been, before the lost write began; or the lost one is a compare-and-set that replaced it. " +
			"Of writes that overlap either may remain, and one in doubt may overwrite everything that came before somebody read it. " +
			"In a store of siblings a write overwrites only what its client knew: there an acknowledged write must be among the siblings, " +
			"or one of them be by a process that had learnt of the key since the lost write began"},
		{"phantom-value", "(all models but linearizable) a read of a value that nobody wrote, or whose write certainly failed. How stale reads were is measured"},
	},
}

var setPage = Page{
	Does: "Threads add unique elements to one set and read it now and then. After healing every thread reads it once more.",
	Anomalies: [][2]string{
		{"lost-element", "an element whose add was acknowledged, or that some read returned, is in no final read, or missing from one that began after the last read that saw it"},
		{"phantom-element", "an element that nobody added, whose add certainly failed, or whose add began only later"},
		{"duplicate-element", "an element that is in one read twice"},
		{"nonlinearizable", "(`--model linearizable`) no order of adds and reads respects real time"},
	},
}

var bagPage = Page{
	Does: "Threads add elements to one set, remove them, add some of them again, and read it now and then. Most removes are by whoever added the element, and most elements that are added again had just been removed by somebody else. " +
		"After healing every thread reads the set twice: the first reads may mend replicas, the second ones are judged. A remove removes the adds that it has observed, as in an observed-remove set, where an add wins over a remove that did not know of it; " +
		"stores that order all operations do no less, so both are held to the same. Of an add and a remove that overlap either may win.",
	Anomalies: [][2]string{
		{"lost-element", "an element whose add was acknowledged is missing, though every remove of it had been acknowledged before that add began, so that none of them can have observed it"},
		{"resurrected", "an element is there, though every add of it had been made by a process that then removed it, or had been read by one, while there was no other, that then removed it, and the remove was acknowledged"},
		{"divergence", "an element is in one final read and not in another, with no remove of it in doubt, nor an add that nobody had seen before"},
		{"phantom-element", "an element that nobody added, whose add certainly failed, or whose add began only later"},
		{"duplicate-element", "an element that is in one read twice"},
		{"nonlinearizable", "(`--model linearizable`, instead of the above) no order of the adds and removes of an element, and of the reads that found it or did not, respects real time. That a read saw all elements at one moment is not asked for: to decide that may take too long"},
	},
}

var appendPage = Page{
	Does: "Threads append unique elements to a few lists and read them; each list lives for some hundred operations.",
	Anomalies: [][2]string{
		{"incompatible-order", "two reads of which neither is a beginning of the other"},
		{"nonsequential", "(`--model sequential`) no order of all operations on all lists keeps to the order of each process: a process did not see what it had appended, or went back behind what it had read, or several contradict each other. It is decided exactly"},
		{"nonlinearizable", "(`--model linearizable`) the one order that the reads leave does not respect real time: a read missed what had been acknowledged or read, or elements stand in the wrong order"},
		{"phantom-element", "an element that nobody appended, whose append certainly failed, or whose append began only later"},
		{"duplicate-elements", "an element that stands in one read twice"},
	},
}

var counterPage = Page{
	Does: "Threads increment one counter by one, decrement it by one if asked to (`--set decrements=30`), and read it. After healing every thread reads it once more.",
	Anomalies: [][2]string{
		{"nonlinearizable", "(`--model linearizable`) no order of increments and reads respects real time. With decrements every read is held to the least and the most that real time lets it be: that is necessary for such an order, but not enough"},
		{"lost-increment", "a final read is less than the increments acknowledged, less the decrements that may have happened"},
		{"phantom-increment", "a final read is more than the increments acknowledged and in doubt, less the decrements acknowledged. So where nothing is in doubt all final reads agree on the one exact value"},
	},
}

var idsPage = Page{
	Does: "Threads ask for ids. That the ids rise, or have no gaps, is not asked for.",
	Anomalies: [][2]string{
		{"duplicate-id", "an id that two requests got; the sentence names both. Which id a request in doubt would have got nobody saw, so nothing is said about it"},
	},
}

var lockPage = Page{
	Does: "Threads acquire a few locks, hold each for a while, now and then for seconds, and release it. A lock that is taken is refused at once. A grant comes with a fencing token. " +
		"A client that is lost while it holds a lock, or gets it, leaves it held where neither a lease nor the end of the connection frees it; so a lock that is refused for three seconds though nobody is known to hold it is given up for a fresh one. " +
		"A client whose release is in doubt holds nothing any more.",
	Anomalies: [][2]string{
		{"double-grant", "(`--model linearizable`) a grant was acknowledged while an earlier holder, whose grant had been acknowledged, had not begun to release the lock. " +
			"What counts is what clients can know: a holder whose lease ran out without its knowledge still holds the lock by this measure, which is what a lock without fencing protects nobody from. " +
			"A release ends its holder's hold with its invocation, however it completes; an acquire in doubt holds nothing"},
		{"token-regression", "a grant's token is no greater than that of a grant which had been acknowledged when it was asked for, or the same as another grant's. " +
			"This is what is left of mutual exclusion with leases (`--model fenced`): whatever the lock guards can turn away a holder of the past"},
	},
}

var logPage = Page{
	Does: "Threads send unique values to a few logs, such as partitions of a topic, and poll them, each from where it stopped last. After healing every thread reads every log from its beginning to its end, which is where three polls in a row find nothing.",
	Anomalies: [][2]string{
		{"lost-write", "a value whose send was acknowledged, or that some poll returned, is in none of the final polls, though they read past the place where it stood, or found that the log ends before it"},
		{"duplicate", "(not with `--model at-least-once`) a value that stands at two offsets, as a retry without idempotence makes it"},
		{"inconsistent-offsets", "an offset that holds two values"},
		{"phantom", "a value that nobody sent, whose send certainly failed, or whose send began only later"},
		{"nonmonotonic-poll", "a poll that returned an offset which it was already past"},
		{"poll-skip", "a poll that passed over an entry which is there"},
		{"send-order", "(`--model linearizable`) a value with a lower offset than one that was known before its send began"},
	},
}
