package doctor

import "context"

// networkManager finds a NetworkManager that nobody has told to leave guests' interfaces alone.
func networkManager(_ context.Context, h *Host) ([]Finding, error) {
	if !h.exists("run/NetworkManager") {
		return nil, nil
	}
	told, err := h.mention([]string{"interface-name:vif*", "fe:ff:ff:ff:ff:ff"}, "etc/NetworkManager/conf.d/*.conf", "usr/lib/NetworkManager/conf.d/*.conf", "run/NetworkManager/conf.d/*.conf")
	if told || err != nil {
		return nil, err
	}
	return []Finding{{
		Level: Warning, Subject: "NetworkManager", Text: "it runs, and may take guests' interfaces for its own",
		Cure: "cp /usr/share/vifd/NetworkManager-vifd.conf /etc/NetworkManager/conf.d/90-vifd.conf; systemctl reload NetworkManager",
	}}, nil
}

// networkd finds a systemd-networkd that may take guests' interfaces, and one that deletes routes which it has not made.
func networkd(_ context.Context, h *Host) ([]Finding, error) {
	if !h.exists("run/systemd/netif") {
		return nil, nil
	}
	var found []Finding
	told, err := h.mention([]string{"Name=vif*"}, "etc/systemd/network/*.network", "usr/lib/systemd/network/*.network", "run/systemd/network/*.network")
	if err != nil {
		return nil, err
	}
	if !told {
		found = append(found, Finding{
			Level: Warning, Subject: "systemd-networkd", Text: "it runs, and may take guests' interfaces for its own",
			Cure: "cp /usr/share/vifd/10-vifd.network /etc/systemd/network/; networkctl reload",
		})
	}
	keeps, err := h.mention([]string{"ManageForeignRoutes=no", "ManageForeignRoutes=false"}, "etc/systemd/networkd.conf", "etc/systemd/networkd.conf.d/*.conf", "usr/lib/systemd/networkd.conf.d/*.conf")
	if err != nil {
		return found, err
	}
	if !keeps {
		found = append(found, Finding{
			Level: Warning, Subject: "systemd-networkd", Text: "when it starts, it deletes routes that it has not made, those to routed guests among them",
			Cure: "install -D -m 644 /usr/share/vifd/networkd-vifd.conf /etc/systemd/networkd.conf.d/90-vifd.conf; systemctl restart systemd-networkd",
		})
	}
	return found, nil
}
