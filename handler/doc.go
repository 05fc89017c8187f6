// Package handler turns events into configured vifs: it is the loop in the middle of vifd.
//
//	event ─▶ queue (per vif) ─▶ facts ─▶ matcher ─▶ plan ─▶ record, guard, link ─▶ kernel
//
// An event is a hint. Whatever it says, the vif is looked up by its ifindex, decided upon anew and brought to what the
// decision asks for, so that events may come twice, late, out of order or not at all: after an overflow, at the start and on
// a reload every link of the host is looked at (Resync).
//
// Ordering: vifs are worked on side by side, each by one worker at a time, in the order of its events; events that come
// while it is being worked on lead to one more round. Within a vif the record comes first, then the guard, then the link,
// and back in reverse. A change of rules puts every guest's new guard in force in one transaction, before any link is
// touched. Blocking: Event and Link never block, so that sources are read fast; Do and Resync wait for what they started.
// Failure: a vif that cannot be configured is left without traffic and tried again, alone, at growing intervals. Stopping
// leaves every guest connected as it is.
package handler
