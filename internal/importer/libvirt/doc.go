// Package libvirt reads libvirt's XML: the interfaces of domains, networks as far as guests are connected to them, and nwfilters.
//
// Of a domain's interface every element and attribute is looked at: what the tables do not know is noted as not carried over. Networks
// stay libvirt's, with their addresses, DHCP and NAT; their files only tell which bridge a guest belongs to.
//
// XML comes from files that others may have written: there are no document types and so no entities, no characters but UTF-8, and
// elements are bounded in number and depth. The package does no I/O and keeps nothing between calls.
package libvirt
