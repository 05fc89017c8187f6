package main

import "slices"

func onlyChanges(list []lineChange) []lineChange {
	return slices.DeleteFunc(list, func(l lineChange) bool { return l.Op == "" })
}

// diffLines compares two lists by a longest common part of theirs; what is in both has no Op.
func diffLines(a, b []string) []lineChange {
	common := make([][]int, len(a)+1) // how long it is from i and j on
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if common[i][j] = max(common[i+1][j], common[i][j+1]); a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	var list []lineChange
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			list = append(list, lineChange{"", a[i]})
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || common[i+1][j] >= common[i][j+1]):
			list = append(list, lineChange{"-", a[i]})
			i++
		default:
			list = append(list, lineChange{"+", b[j]})
			j++
		}
	}
	return list
}
