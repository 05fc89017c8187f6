package handler

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"vifd/actions/firewall"
	"vifd/internal/rtnl"
	"vifd/internal/vif"
	"vifd/rules"
)

// The events of a hook, as programs find them in VIFD_EVENT.
const (
	hookUp   = "up"
	hookDown = "down"
)

// hooked is what a rule has run for a vif, with the facts put in as they were then: when down runs, the interface and all that was
// known of it may be gone. It is what a plan asks for, and in a record what was begun; it is never changed.
type hooked struct {
	Up   words `json:"up,omitempty"`
	Down words `json:"down,omitempty"`
	Env  words `json:"env"`            // but for VIFD_EVENT and PATH
	Done bool  `json:"done,omitempty"` // up has succeeded
}

// hooksOf plans what is run for a guest; nil: nothing.
func hooksOf(p *Plan, guest *firewall.Guest, l *rtnl.Link, f *vif.Facts) (*hooked, error) {
	rule := p.Decision.Rule
	if len(rule.Hooks.Up.Argv)+len(rule.Hooks.Down.Argv) == 0 {
		return nil, nil
	}
	fail := func(key string, err error) (*hooked, error) {
		return nil, fmt.Errorf("rule %q: hooks: %s: %w", rule.Name, key, err)
	}
	var h hooked
	var err error
	if h.Up, err = rule.Hooks.Up.Expand(f.Value); err != nil {
		return fail(hookUp, err)
	}
	if h.Down, err = rule.Hooks.Down.Expand(f.Value); err != nil {
		return fail(hookDown, err)
	}
	var macs, ips []string
	for _, mac := range p.Decision.Guest.MACs {
		macs = append(macs, mac.String())
	}
	for _, ip := range guest.IPs {
		ips = append(ips, rules.GuestIPText(ip))
	}
	add := func(name, value string) {
		if bad := rules.CheckArgument(value); bad != nil && err == nil {
			err = fmt.Errorf("%s: %w", name, bad)
		}
		h.Env = append(h.Env, name+"="+value)
	}
	add("VIFD_INTERFACE", l.Name)
	add("VIFD_IFINDEX", strconv.Itoa(l.Index))
	add("VIFD_RULE", rule.Name)
	add("VIFD_ACTION", p.Action)
	add("VIFD_NETWORK", p.Network())
	add("VIFD_MAC", strings.Join(macs, " "))
	add("VIFD_IP", strings.Join(ips, " "))
	for _, fact := range []string{"domain", "uuid"} {
		if value, ok := f.Value(fact); ok {
			add("VIFD_"+strings.ToUpper(fact), value)
		}
	}
	if err != nil {
		return fail("environment", err)
	}
	return &h, nil
}

// hooks is what the plan has run, with the vif's folder in xenstore where it is a Xen guest's; nil: nothing.
func (k *known) hooks(plan *Plan) *hooked {
	if plan.State != StateConfigured || plan.hooks == nil {
		return nil
	}
	h := *plan.hooks
	if k.own.Xen != nil {
		h.Env = append(slices.Clone(h.Env), "XENBUS_PATH="+k.own.Xen.Path)
	}
	return &h
}

// value is a variable of the environment.
func (h *hooked) value(name string) string {
	for _, pair := range h.Env {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// sameRule reports whether both are of one rule.
func (h *hooked) sameRule(other *hooked) bool {
	return h.value("VIFD_RULE") == other.value("VIFD_RULE")
}

// same reports whether running up for other would tell nobody anything new: what up was called with, and who the guest is and where
// it is connected. The interface's name alone is no news.
func (h *hooked) same(other *hooked) bool {
	for _, name := range []string{"VIFD_RULE", "VIFD_ACTION", "VIFD_NETWORK", "VIFD_MAC", "VIFD_IP"} {
		if h.value(name) != other.value(name) {
			return false
		}
	}
	return slices.Equal(h.Up, other.Up)
}

// attend runs the hooks that are due once the round's work is done, or has failed: down of what the vif is no longer, then up of what
// it is. A guest whose up fails keeps its link: its guard is in force, so that nothing passes that should not, and what up is for may
// well be nothing that the guest needs. Taken away, the link would come and go with every try.
//
// One that has failed is tried again when its time has come, or now where somebody waits for the round, and not with whatever else is heard
// of the vif: every one has several events when it comes.
func (h *Handler) attend(ctx context.Context, k *known, plan *Plan, want *hooked, now bool) {
	if was := k.own.Hooks; was != nil && (want == nil || !was.sameRule(want)) {
		h.takeDown(ctx, k, plan)
	}
	if want == nil || plan.State != StateConfigured {
		return
	}
	was := k.own.Hooks
	switch {
	case len(want.Up) == 0:
		want.Done = true
		k.own.Hooks = want
	case was != nil && was.Done && was.same(want):
	case was != nil && was.same(want) && k.plan.unhooked && !now && time.Now().Before(k.until):
		plan.State, plan.Reason, plan.unhooked, plan.waiting = StateFailed, k.plan.Reason, true, true
	default:
		if err := h.bringUp(ctx, k, plan, want); err != nil {
			plan.State, plan.Reason, plan.Retry, plan.unhooked = StateFailed, err.Error(), true, true
		}
	}
}

// bringUp runs up. That it began is written down first, so that down runs after a kill as well; and as nobody knows then how far it came,
// up runs once more.
func (h *Handler) bringUp(ctx context.Context, k *known, plan *Plan, want *hooked) error {
	k.own.Hooks = want
	next := k.record
	var err error
	if next.Own, err = k.own.text(); err == nil {
		err = h.cfg.Records.Put(next)
	}
	if err != nil {
		return fmt.Errorf("write down that the up hook is run: %w", err)
	}
	k.record, k.stored = next, true
	if err := h.runHook(ctx, k, plan, hookUp, want.Up, want); err != nil {
		return fmt.Errorf("up hook %w", err)
	}
	done := *want
	done.Done = true
	k.own.Hooks = &done
	return nil
}

// takeDown runs down, as it was when up ran. There is nobody to mend what fails, and nothing left to try it on: it counts as done.
func (h *Handler) takeDown(ctx context.Context, k *known, plan *Plan) {
	was := k.own.Hooks
	if was == nil {
		return
	}
	if len(was.Down) > 0 {
		_ = h.runHook(ctx, k, plan, hookDown, was.Down, was) // has been logged
	}
	k.own.Hooks = nil
}

// hookPath is where programs look for others. vifd's own environment is not theirs: it may be udev's, libxl's, or a person's.
const hookPath = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"

// runHook runs one program, which may take its time. What the round has done so far is known meanwhile to whoever asks, the program
// itself among them. The rules may change while it runs: neither a reload, nor everybody else's rounds behind it, wait for a program;
// whoever goes on afterwards has to look whether they did.
func (h *Handler) runHook(ctx context.Context, k *known, plan *Plan, event string, argv words, of *hooked) error {
	kept := *k
	kept.plan = *plan
	h.remember(k.record.Ifindex, &kept)
	if h.yield != nil {
		h.yield()
	}
	begin := time.Now()
	h.turn.RUnlock()
	said, err := h.cfg.Hooks.Run(ctx, argv, append([]string{hookPath, "VIFD_EVENT=" + event}, of.Env...))
	h.turn.RLock()
	attrs := []any{
		"iface", k.record.Interface, "ifindex", k.record.Ifindex, "rule", of.value("VIFD_RULE"), "event", event, "program", argv[0],
		"took", time.Since(begin).Round(time.Microsecond),
	}
	if said != "" {
		attrs = append(attrs, "said", said)
	}
	if err != nil {
		h.cfg.Log.Warn("hook failed", append(attrs, "err", err)...)
		return err
	}
	h.cfg.Log.Info("hook", attrs...)
	return nil
}

// text is what is run, in the words of a shell.
func (h *hooked) text() []string {
	var lines []string
	if len(h.Up) > 0 {
		lines = append(lines, "# then run: "+shellWords(h.Up))
	}
	if len(h.Down) > 0 {
		lines = append(lines, "# at its end run: "+shellWords(h.Down))
	}
	return lines
}

// shellWords is a program and its arguments as a shell would be given them.
func shellWords(argv []string) string {
	quoted := make([]string, len(argv))
	for i, s := range argv {
		quoted[i] = shellWord(s)
	}
	return strings.Join(quoted, " ")
}

// shellWord quotes what a shell would not take for one plain word.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:,@%+=", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return single(s)
}

// words are texts of any bytes. JSON knows Unicode alone, and an interface's name may be no Unicode: they are written as Go quotes them,
// without the quotes.
type words []string

// MarshalJSON is json.Marshaler.
func (w words) MarshalJSON() ([]byte, error) {
	list := make([]string, len(w))
	for i, s := range w {
		quoted := strconv.Quote(s)
		list[i] = quoted[1 : len(quoted)-1]
	}
	return json.Marshal(list)
}

// UnmarshalJSON is json.Unmarshaler.
func (w *words) UnmarshalJSON(data []byte) error {
	var list []string
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	for i, s := range list {
		var err error
		if list[i], err = strconv.Unquote(`"` + s + `"`); err != nil {
			return fmt.Errorf("%q: %w", s, err)
		}
	}
	*w = list
	return nil
}
