package host

import (
	"os"
	"strconv"
	"strings"
)

// Resident is how much memory the processes of the workspace hold, in bytes; 0 where the kernel does not tell.
func (w *workspace) Resident() int64 {
	t := w.target(w.shells())
	var pages int64
	for _, pid := range find(t) {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
		fields := strings.Fields(string(text))
		if err != nil || len(fields) < 3 {
			continue // it has just ended
		}
		resident, _ := strconv.ParseInt(fields[1], 10, 64)
		shared, _ := strconv.ParseInt(fields[2], 10, 64)
		pages += max(resident-shared, 0)
	}
	return pages * int64(os.Getpagesize())
}
