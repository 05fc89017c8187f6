# A bridge that does not exist: xl create fails, says what a person can do about it, and nothing stays.
make_bridge xenbr0 10.9.0.1/24
before=$(host_state)
begin=$SECONDS
expect no "xl create fails" guest_create -n g1 'mac=00:16:3e:00:00:01,ip=10.9.0.2,bridge=xenbr7,script=vif-vifd'
expect yes "at once, not by libxl's time-out of 40 s" test $((SECONDS - begin)) -lt 20
why=$(grep 'script:' /run/xenlab/g1.xl | head -n 1 || true)
echo "$why"
holds "the message names the bridge that there is not" 'xenbr7' "$why"
holds "the vif" 'vif1\.0' "$why"
holds "and the bridges that there are" 'xenbr0' "$why"
same "it is one line" 1 "$(grep -c script: /run/xenlab/g1.xl)"
expect no "taking it back is no failure" grep -q 'offline.*error status' /run/xenlab/g1.xl
expect no "the domain is gone" xl domid g1
settles 10 "nothing is left behind" "$before" host_state
