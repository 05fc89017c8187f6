package rate

import (
	"context"

	"vifd/internal/rtnl"
)

// Reader is what this package asks the kernel. Errors are rtnl's.
type Reader interface {
	LinkByIndex(index int) (rtnl.Link, error)
	LinkByName(name string) (rtnl.Link, error)
	RootQdisc(index int) (rtnl.Qdisc, error)
	IngressQdisc(index int) (rtnl.Qdisc, error)
	IngressFilters(ctx context.Context, index int) ([]rtnl.Filter, error)
}

// Conn is a Reader that changes things as well. Every method returns when the kernel has done it, or has refused.
type Conn interface {
	Reader
	Set(index int, change rtnl.Change) error
	DeleteLink(index int) error
	CreateIFB(name string, group uint32, txqlen int) error
	AddTBF(index int, handle uint32, t rtnl.TBF) error
	ChangeTBF(index int, handle uint32, t rtnl.TBF) error
	ReplaceTBF(index int, handle uint32, t rtnl.TBF) error
	DeleteRootQdisc(index int, kind string, handle uint32) error
	AddIngress(index int) error
	DeleteIngress(index int) error
	Redirect(index int, pref uint16, by rtnl.Classifier, to int) error
	Unredirect(index int, pref uint16) error
	HasTBF() (bool, error)
}

var _ Conn = (*rtnl.Conn)(nil)
