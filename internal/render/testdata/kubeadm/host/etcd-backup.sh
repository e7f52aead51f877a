#!/usr/bin/env bash
# Takes a snapshot of this machine's member of etcd, checks it, copies it to every
# destination and keeps the newest 28 of this machine at each. etcdctl and etcdutl
# are those of the running member's image, so that their version is always right.
# A snapshot holds every Secret of the cluster in clear unless the API server
# encrypts them: whoever can read a destination can read them.
set -euo pipefail
# shellcheck source=/dev/null
. "${BULKHEAD_ENV:-/etc/bulkhead/host.env}"
export CONTAINER_RUNTIME_ENDPOINT=unix:///run/containerd/containerd.sock

keep=28
folders=('/var/backups/etcd')
buckets=('s3://shop-backups/etcd')
data=${BULKHEAD_ETCD_DATA:-/var/lib/etcd}
metrics=${BULKHEAD_METRICS:-/var/lib/prometheus/node-exporter}

started=$(date +%s)
name=${BULKHEAD_CLUSTER}-${BULKHEAD_HOST}-$(date -u +%Y%m%dT%H%M%SZ).db
# etcd's folder is the only one that machine and container share. What is not a
# member's is left alone by etcd.
snapshot=$data/bulkhead-snapshot.db
trap 'rm -f "$snapshot" "$snapshot.part"' EXIT
rm -f "$snapshot" "$snapshot.part"

die() {
	echo "etcd-backup: $*" >&2
	exit 1
}

# A second copy must never fill the disk that etcd writes to.
size=$(stat --format=%s "$data/member/snap/db")
free=$(df --output=avail --block-size=1 "$data" | tail -n 1)
[ "$free" -gt $((2 * size)) ] || die "only $free bytes are free in $data for a snapshot of $size bytes"

container=$(crictl ps --quiet --state Running --name '^etcd$' | head -n 1)
[ -n "$container" ] || die "no container of etcd is running"
"${BULKHEAD_ETCDCTL:-/usr/local/lib/bulkhead/etcdctl.sh}" --command-timeout=10m snapshot save "$snapshot"
chmod 600 "$snapshot"
status=$(crictl exec "$container" etcdutl snapshot status "$snapshot" --write-out=json)
case $status in
*'"totalKey":0,'* | *'"totalKey":0}'*) die "the snapshot is empty: $status" ;;
*'"totalKey":'*) ;;
*) die "the snapshot cannot be read: $status" ;;
esac

# One destination that fails keeps no snapshot from the others.
failed=0
for folder in ${folders[@]+"${folders[@]}"}; do
	target=$folder/$BULKHEAD_HOST
	if install -d -m 700 "$target" && install -m 600 "$snapshot" "$target/$name.part" && mv "$target/$name.part" "$target/$name"; then
		# Names sort by time.
		find "$target" -maxdepth 1 -name "$BULKHEAD_CLUSTER-$BULKHEAD_HOST-*.db" | sort | head -n -"$keep" | xargs -r rm -f --
	else
		echo "etcd-backup: copying to $target failed" >&2
		failed=1
	fi
done
for bucket in ${buckets[@]+"${buckets[@]}"}; do
	target=$bucket/$BULKHEAD_HOST
	if aws s3 cp --only-show-errors "$snapshot" "$target/$name"; then
		aws s3 ls "$target/" | awk '{print $4}' | grep -- '\.db$' | sort | head -n -"$keep" |
			while read -r old; do aws s3 rm --only-show-errors "$target/$old"; done
	else
		echo "etcd-backup: copying to $target failed" >&2
		failed=1
	fi
done
[ "$failed" = 0 ] || die "the snapshot did not reach every destination"

now=$(date +%s)
install -d "$metrics"
cat >"$metrics/bulkhead-etcd-backup.prom.$$" <<METRICS
# HELP bulkhead_etcd_backup_last_success_timestamp_seconds When a snapshot last reached every destination.
# TYPE bulkhead_etcd_backup_last_success_timestamp_seconds gauge
bulkhead_etcd_backup_last_success_timestamp_seconds{cluster="$BULKHEAD_CLUSTER",member="$BULKHEAD_HOST",zone="$BULKHEAD_ZONE"} $now
# HELP bulkhead_etcd_backup_size_bytes Size of that snapshot.
# TYPE bulkhead_etcd_backup_size_bytes gauge
bulkhead_etcd_backup_size_bytes{cluster="$BULKHEAD_CLUSTER",member="$BULKHEAD_HOST",zone="$BULKHEAD_ZONE"} $(stat --format=%s "$snapshot")
# HELP bulkhead_etcd_backup_duration_seconds How long it took.
# TYPE bulkhead_etcd_backup_duration_seconds gauge
bulkhead_etcd_backup_duration_seconds{cluster="$BULKHEAD_CLUSTER",member="$BULKHEAD_HOST",zone="$BULKHEAD_ZONE"} $((now - started))
METRICS
chmod 644 "$metrics/bulkhead-etcd-backup.prom.$$"
mv "$metrics/bulkhead-etcd-backup.prom.$$" "$metrics/bulkhead-etcd-backup.prom"
