package main

import (
	"slices"

	"vifd/internal/ctl"
	"vifd/rules"
)

// compareRules tells which rules come, go, and are before or behind others that they were not before or behind.
func compareRules(older, newer []rules.Rule) *rulesDifference {
	d := &rulesDifference{
		APIVersion: ctl.APIVersion, Kind: "RulesDifference", Added: []rulePlace{}, Removed: []rulePlace{}, Moved: []movedRule{}, Guests: []guestDifference{},
	}
	was, is := make(map[string]int), make(map[string]bool)
	for i := range older {
		was[older[i].Name] = i
	}
	var places []int // of those that stay, in their new order
	for i := range newer {
		name := newer[i].Name
		is[name] = true
		if place, stays := was[name]; stays {
			places = append(places, place)
		} else {
			d.Added = append(d.Added, rulePlace{name, newer[i].Pos.String()})
		}
	}
	for i := range older {
		if !is[older[i].Name] {
			d.Removed = append(d.Removed, rulePlace{older[i].Name, older[i].Pos.String()})
		}
	}
	rising := longestRising(places)
	for i := range newer {
		if place, stays := was[newer[i].Name]; stays && !rising[place] {
			d.Moved = append(d.Moved, movedRule{newer[i].Name, place + 1, i + 1})
		}
	}
	return d
}

// longestRising returns a longest part of a list of different numbers in which each is larger than the one before.
func longestRising(list []int) map[int]bool {
	var ends []int // the places in list of the smallest number that a part of each length can end in
	before := make([]int, len(list))
	for i, n := range list {
		at, _ := slices.BinarySearchFunc(ends, n, func(place, n int) int { return list[place] - n })
		before[i] = -1
		if at > 0 {
			before[i] = ends[at-1]
		}
		if at == len(ends) {
			ends = append(ends, i)
		} else {
			ends[at] = i
		}
	}
	part := make(map[int]bool)
	if len(ends) > 0 {
		for i := ends[len(ends)-1]; i >= 0; i = before[i] {
			part[list[i]] = true
		}
	}
	return part
}
