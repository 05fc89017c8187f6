package firewall

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"vifd/internal/nft"
)

// TestManyRefusalsAreOneLine, each of which can be had all the same, and says what it is about once.
func TestManyRefusalsAreOneLine(t *testing.T) {
	t.Parallel()
	tracked := &nft.Error{What: "statement one", Errno: unix.EPROTO, Rule: "ct state new drop", Family: nftables.TableFamilyBridge}
	there := &nft.Error{What: "element two", Errno: unix.EEXIST}
	err := fmt.Errorf("install: %w", explain(errors.Join(tracked, there, tracked)))
	want := "install: statement one: the kernel lacks the module nf_conntrack_bridge (CONFIG_NF_CONNTRACK_BRIDGE), which this needs in the family bridge: protocol error (and 2 more refusals)"
	if err.Error() != want || strings.Contains(err.Error(), "\n") {
		t.Errorf("it says %q, want %q", err, want)
	}
	var lack *Lack
	if !errors.As(err, &lack) || !errors.Is(err, unix.EPROTO) || !errors.Is(err, unix.EEXIST) || !nft.Drifted(err) {
		t.Errorf("%v hides what it is made of", err)
	}
	if alone := explain(there); alone.Error() != there.Error() {
		t.Errorf("one refusal becomes %v", alone)
	}
}

// TestWhatFollowsIsNotBlamed: a rule whose set could not be made is refused in the same word as one whose module is not there.
func TestWhatFollowsIsNotBlamed(t *testing.T) {
	t.Parallel()
	set := &nft.Error{What: "add set state/web/x", Errno: unix.EINVAL}
	rule := &nft.Error{What: "statement one", Errno: unix.ENOENT, Rule: "update @state/web/x { iifname limit rate 5/second } accept", Family: nftables.TableFamilyBridge}
	var lack *Lack
	if err := explain(errors.Join(set, rule)); errors.As(err, &lack) {
		t.Errorf("%v, though the set is what was refused", err)
	}
	other := &nft.Error{What: "add set state/web/xy", Errno: unix.EINVAL}
	if err := explain(errors.Join(other, rule)); !errors.As(err, &lack) {
		t.Errorf("%v, though it is another's set that was refused", err)
	}
	if err := explain(rule); !errors.As(err, &lack) || lack.Module != "nft_limit" {
		t.Errorf("by itself it says %v", err)
	}
}
