package vif

// The actions a kobject event can carry (lib/kobject_uevent.c). Others are passed on as they are spelled.
const (
	Add     = "add"
	Remove  = "remove"
	Change  = "change"
	Move    = "move"
	Online  = "online"
	Offline = "offline"
	Bind    = "bind"
	Unbind  = "unbind"
)

// Event says that something may have happened to an interface. It is a hint: whoever acts on it asks the kernel for the
// state of Ifindex first, so that events may come twice, late or out of order.
type Event struct {
	Action     string            // one of the constants above, or what a newer kernel says
	Subsystem  string            // "net", "xen-backend"
	Devpath    string            // below /sys, without it: /devices/virtual/net/vif1.0
	DevpathOld string            // of a move: the path before
	Interface  string            // name at the time of the event; empty where the event names none
	Ifindex    int               // 0 where the event carries none
	Env        map[string]string // every property as it came, those above included
}
