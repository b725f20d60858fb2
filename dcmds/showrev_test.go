package dcmds

import (
	"os"
	"strings"
	"testing"
)

func TestShowrev(t *testing.T) {
	_, run := session(t, nil)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	got := run("::showrev\n")
	for _, want := range []string{"Hostname: " + host + "\n", "\nApplication architecture: amd64\nKernel version: "} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if got := run("::showrev -p\n"); got != "" {
		t.Errorf("patches of nothing: %s", got)
	}
}
