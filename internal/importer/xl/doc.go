// Package xl reads what configures xl and its domains: xl.conf(5), and xl.cfg(5) with the vifs of xl-network-configuration(5).
//
// Files are parsed as xl does it (tools/libs/util/libxlu_cfg_y.y): settings of strings, numbers and lists, and nothing that would have
// to be run. A domain's file of xm, its forerunner, may be a Python program; where it is one, it is refused. What is not about the
// network stays xl's, and nothing is said of it. The package does no I/O and keeps nothing between calls.
package xl
