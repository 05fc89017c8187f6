package nft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"vifd/internal/testhost"
)

func TestMain(m *testing.M) { testhost.Main(m) }

var (
	table = &nftables.Table{Name: "t", Family: nftables.TableFamilyBridge}
	chain = &nftables.Chain{Table: table, Name: "c"}
)

func numbers() *nftables.Set {
	return &nftables.Set{Table: table, Name: "numbers", KeyType: nftables.TypeMark}
}

// build is a batch of a table, a chain and n rules, one of them bad where bad is its number.
func build(n, bad int) *Batch {
	b := NewBatch()
	b.AddTable(table)
	b.AddChain(chain)
	for i := range n {
		target := "c2"
		if i != bad {
			target = "c"
		}
		verdict := &expr.Verdict{Kind: expr.VerdictJump, Chain: target}
		if i != bad {
			verdict = &expr.Verdict{Kind: expr.VerdictDrop}
		}
		b.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{verdict}, UserData: []byte{0x70, 1, byte(i)}}, fmt.Sprintf("rule %d", i), "")
	}
	return b
}

func TestCommitIsAllOrNothing(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	c := testhost.Dial(t, h, Dial)
	err := c.Commit(build(10, 7))
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.What != "rule 7" || !errors.Is(err, unix.ENOENT) {
		t.Fatalf("Commit() = %v, want rule 7 refused with ENOENT", err)
	}
	if list := h.Run(t, "nft", "list", "ruleset"); list != "" {
		t.Errorf("half of the batch is in force:\n%s", list)
	}
	if err := c.Commit(build(10, -1)); err != nil {
		t.Fatalf("after a refusal the Conn is of no use: %v", err)
	}
	if list := h.Run(t, "nft", "list", "ruleset"); strings.Count(list, "drop") != 10 {
		t.Errorf("the ruleset is\n%s", list)
	}
}

func TestCheckChangesNothing(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	c := testhost.Dial(t, h, Dial)
	if err := c.Check(build(10, -1)); err != nil {
		t.Errorf("Check() of a good batch: %v", err)
	}
	var refusal *Error
	if err := c.Check(build(10, 3)); !errors.As(err, &refusal) || refusal.What != "rule 3" {
		t.Errorf("Check() = %v, want rule 3 refused", err)
	}
	if list := h.Run(t, "nft", "list", "ruleset"); list != "" {
		t.Errorf("Check() left\n%s", list)
	}
}

func elements(n int) []nftables.SetElement {
	elems := make([]nftables.SetElement, n)
	for i := range elems {
		elems[i].Key = binary.NativeEndian.AppendUint32(nil, uint32(i))
	}
	return elems
}

// TestEveryElementArrives: the library alone would cut the list at what fits into 16 bits, without an error.
func TestEveryElementArrives(t *testing.T) {
	t.Parallel()
	const n = 20_000
	h := testhost.New(t)
	c := testhost.Dial(t, h, Dial)
	b := NewBatch()
	b.AddTable(table)
	b.AddSet(numbers())
	b.AddElements(numbers(), elements(n), "numbers")
	if err := c.Commit(b); err != nil {
		t.Fatal(err)
	}
	list := h.Run(t, "nft", "-j", "list", "set", "bridge", "t", "numbers")
	if got := strings.Count(list[strings.Index(list, `"elem"`):], ",") + 1; got != n {
		t.Errorf("nft lists %d elements, want %d", got, n)
	}
	got, err := c.Elements(numbers())
	if err != nil || len(got) != n {
		t.Errorf("Elements() gives %d, %v; want %d", len(got), err, n)
	}
	b = NewBatch()
	b.DelElements(numbers(), elements(n), "numbers")
	if err := c.Commit(b); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Elements(numbers()); err != nil || len(got) != 0 {
		t.Errorf("after deleting them Elements() gives %d, %v", len(got), err)
	}
}

func TestLargeBatch(t *testing.T) {
	t.Parallel()
	const n = 5_000
	h := testhost.New(t)
	c := testhost.Dial(t, h, Dial)
	if err := c.Commit(build(n, -1)); err != nil {
		t.Fatal(err)
	}
	chains, err := c.Chains(table)
	if err != nil || len(chains) != 1 || len(chains[0].Rules) != n {
		t.Fatalf("Chains() = %d chains, %v; want one of %d rules", len(chains), err, n)
	}
	for i, data := range chains[0].Rules {
		if string(data) != string([]byte{0x70, 1, byte(i)}) {
			t.Fatalf("rule %d has the user data %x: out of order, or not its own", i, data)
		}
	}
}

// TestLostAnswerIsNoSuccess takes the room for answers away: whatever happened, Commit must not say that all is well when it
// is not, nor the other way round.
func TestLostAnswerIsNoSuccess(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	c := testhost.Dial(t, h, Dial)
	if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1); err != nil {
		t.Fatal(err)
	}
	bad := NewBatch()
	bad.AddTable(table)
	bad.AddChain(chain)
	for i := range 200 {
		bad.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: "nowhere"}}}, fmt.Sprintf("rule %d", i), "")
	}
	if err := c.Commit(bad); err == nil {
		t.Fatal("Commit() of a bad batch = nil")
	}
	if list := h.Run(t, "nft", "list", "ruleset"); list != "" {
		t.Fatalf("the ruleset is\n%s", list)
	}
	for range 3 {
		if err := c.Commit(build(1, 0)); err == nil {
			t.Fatal("after an overflow Commit() of a bad batch = nil")
		}
	}
	if err := c.Commit(build(1, -1)); err != nil {
		t.Errorf("after an overflow Commit() of a good batch = %v", err)
	}
}

func TestNothingThere(t *testing.T) {
	t.Parallel()
	c := testhost.Dial(t, testhost.New(t), Dial)
	if chains, err := c.Chains(table); err != nil || len(chains) != 0 {
		t.Errorf("Chains() = %v, %v", chains, err)
	}
	if elems, err := c.Elements(numbers()); err != nil || len(elems) != 0 {
		t.Errorf("Elements() = %v, %v", elems, err)
	}
	if err := c.Commit(NewBatch()); err != nil {
		t.Errorf("Commit() of nothing = %v", err)
	}
}

// TestDumpsAreWhole lists a set whose elements come and go in pairs: a dump that mixes two states would show an odd number.
func TestDumpsAreWhole(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	writer, reader := testhost.Dial(t, h, Dial), testhost.Dial(t, h, Dial)
	b := NewBatch()
	b.AddTable(table)
	b.AddSet(numbers())
	b.AddElements(numbers(), elements(2_000), "numbers")
	if err := writer.Commit(b); err != nil {
		t.Fatal(err)
	}
	pair := elements(2_002)[2_000:]
	stop := make(chan struct{})
	var churn sync.WaitGroup
	defer func() {
		close(stop)
		churn.Wait()
	}()
	churn.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			add, del := NewBatch(), NewBatch()
			add.AddElements(numbers(), pair, "pair")
			del.DelElements(numbers(), pair, "pair")
			if err := errors.Join(writer.Commit(add), writer.Commit(del)); err != nil {
				t.Errorf("churn: %v", err)
				return
			}
		}
	})
	whole := 0
	for range 20 {
		elems, err := reader.Elements(numbers())
		switch {
		case errors.Is(err, errInterrupted):
		case err != nil:
			t.Fatal(err)
		case len(elems) != 2_000 && len(elems) != 2_002:
			t.Fatalf("Elements() gives %d: a mixture of two states", len(elems))
		default:
			whole++
		}
	}
	t.Logf("%d of 20 dumps were whole, the others said that they were not", whole)
}

func TestBatchErrors(t *testing.T) {
	c := &Conn{fd: -1}
	b := NewBatch()
	b.AddAnonymousSet(&nftables.Set{Table: table, KeyType: nftables.TypeMark}, nil, "empty set of statement 3")
	if err := c.Commit(b); err == nil || !strings.Contains(err.Error(), "statement 3") {
		t.Errorf("Commit() = %v, want it to name the statement", err)
	}
	b = NewBatch()
	b.AddTable(table)
	b.note("a part that the library did not encode", nil)
	if err := c.Commit(b); err == nil || !strings.Contains(err.Error(), "messages") {
		t.Errorf("Commit() = %v, want the numbers not to agree", err)
	}
}

func FuzzMessages(f *testing.F) {
	f.Add([]byte{20, 0, 0, 0, 2, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255})
	f.Add([]byte{16, 0, 0, 0, 3, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		total := 0
		for m := range messages(data) {
			total += unix.SizeofNlMsghdr + len(m.data)
			_ = m.extendedAck()
			for _, attr := range attributes(m.data) {
				_ = parseElement(attr)
			}
		}
		if total > len(data) {
			t.Fatalf("messages of %d bytes in %d", total, len(data))
		}
	})
}
