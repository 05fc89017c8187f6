package ruletest

import (
	"fmt"
	"regexp"
	"runtime"
	"sync"
	"sync/atomic"

	"vifd/actions/firewall"
	"vifd/handler"
	"vifd/rules"
)

// Options says which tests are run, and how.
type Options struct {
	Set      *rules.Set
	Rules    *handler.Ruleset // of Set
	Run      *regexp.Regexp   // names; nil: all
	Library  bool             // also the tests of the template library
	Kernel   Kernel           // nil: packets are judged without one
	Parallel int              // tests at a time; 0: as many as there are CPUs. With a Kernel always one
	FailFast bool             // the first failure ends the run: tests behind it are not in the report
	Coverage bool             // the report has one
}

// Selected are the tests that o asks for, in the order of the files.
func (o *Options) Selected() []*rules.Test {
	var list []*rules.Test
	for i := range o.Set.Tests {
		if t := &o.Set.Tests[i]; (!t.Library || o.Library) && (o.Run == nil || o.Run.MatchString(t.Name)) {
			list = append(list, t)
		}
	}
	return list
}

// Run runs tests. An error is the Kernel's: what a test finds is in the report.
func Run(o Options) (*Report, error) {
	r := runner{Options: o, templates: handler.Templates(o.Set.Templates), compiled: make(map[string]*compiled)}
	tests := o.Selected()
	results, err := r.all(tests)
	if err != nil {
		return nil, err
	}
	rep := newReport()
	for _, res := range results {
		rep.add(res)
	}
	rep.notStarted = tests[len(results):]
	rep.NotStarted = len(rep.notStarted)
	if o.Coverage {
		rep.Coverage = newCoverage(&o, results)
	}
	return rep, nil
}

type runner struct {
	Options
	templates map[string]firewall.Template

	mu       sync.Mutex
	compiled map[string]*compiled // by what it is compiled from
}

// all runs the tests and returns their results, up to and with the one that ends the run.
//
// Workers take the tests in their order, and none that stands behind the end as it is known by then. The end only ever moves to the
// front, so every test before it is run, and the results are the same however many workers there are.
func (r *runner) all(tests []*rules.Test) ([]*Result, error) {
	workers := r.Parallel
	switch {
	case r.Kernel != nil:
		workers = 1
	case workers <= 0:
		workers = runtime.GOMAXPROCS(0)
	}
	results, errs := make([]*Result, len(tests)), make([]error, len(tests))
	var next, end atomic.Int64
	end.Store(int64(len(tests)))
	work := func() {
		for {
			i := next.Add(1) - 1
			if i >= end.Load() {
				return
			}
			results[i], errs[i] = r.test(tests[i])
			if errs[i] != nil || r.FailFast && !results[i].Passed {
				lower(&end, i+1)
			}
		}
	}
	var wg sync.WaitGroup
	for range min(workers, len(tests)) {
		wg.Go(work)
	}
	wg.Wait()
	done := int(end.Load())
	if done > 0 && errs[done-1] != nil {
		return nil, fmt.Errorf("test %q (%s): %w", tests[done-1].Name, tests[done-1].Pos, errs[done-1])
	}
	return results[:done], nil
}

func lower(v *atomic.Int64, to int64) {
	for now := v.Load(); to < now && !v.CompareAndSwap(now, to); now = v.Load() {
	}
}

func (r *runner) test(t *rules.Test) (*Result, error) {
	res := &Result{Name: t.Name, Pos: t.Pos.String(), Library: t.Library, Failures: []Failure{}, Packets: []PacketResult{}, file: t.Pos.File}
	var s *Subject
	switch {
	case len(t.Problems) > 0:
		res.unreadable(t)
		return res, nil
	case t.Event != nil:
		s = r.decided(t, res)
	case t.Unknown(t.Template.Pos) != "":
		res.fail(t.Template.Pos, "template", t.Template.Name, "none")
		res.note(t, t.Template.Pos)
		return res, nil
	default:
		var err error
		if s, err = r.alone(t); err != nil {
			res.fail(t.Template.Pos, "template", "to compile", err.Error())
			return res, nil
		}
	}
	for i := range t.Packets {
		if err := r.packet(res, s, t, &t.Packets[i]); err != nil {
			return nil, err
		}
	}
	res.Passed = len(res.Failures) == 0
	return res, nil
}
