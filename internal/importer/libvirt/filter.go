package libvirt

import (
	"fmt"

	"vifd/internal/importer/model"
)

// FilterKeys are the elements of an nwfilter that are read.
func FilterKeys() []string { return []string{"filter/@name", "filterref", "rule", "uuid"} }

// filter notes what a filter is made of. Its rules are libvirt's own language, and are not carried over; a filter that only puts
// others together is.
func filter(e *element, in *model.Input) error {
	name := e.attr("name")
	if name == "" {
		return &model.Error{Pos: e.pos, Msg: "the filter has no name"}
	}
	f := model.Filter{Pos: e.pos}
	for _, inner := range e.inner {
		switch inner.name {
		case "filterref":
			f.Refs = append(f.Refs, model.FilterRef{Pos: inner.pos, Name: inner.attr("filter"), Params: params(inner)})
		case "rule":
			f.Rules = true
		case "uuid":
		default:
			in.Lose(inner.pos, fmt.Sprintf("<%s> of filter %q", inner.name, name), "import does not know it", "")
		}
	}
	if in.Filters == nil {
		in.Filters = map[string]model.Filter{}
	}
	if first, twice := in.Filters[name]; twice {
		in.Lose(e.pos, fmt.Sprintf("nwfilter %q", name), "it has been read already, at "+first.Pos.String(), "keep one of the two")
		return nil
	}
	in.Filters[name] = f
	return nil
}
