package kubeadm

import (
	"fmt"
	"slices"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
)

// units returns the systemd units of a machine that has a member of etcd or of the
// control plane.
func (l *Layout) units(c *v1alpha1.Cluster, m Machine) ([]file.File, error) {
	if !m.member() {
		return nil, nil
	}
	data := unitData{Cluster: c.Metadata.Name, Self: m, Scripts: scripts}
	names := []string{"bulkhead-certificates.service", "bulkhead-certificates.timer",
		"bulkhead-certificate-report.service", "bulkhead-certificate-report.timer"}

	// One machine a day, in the night to the first days of a month: kubeadm's
	// certificates last a year, so that eleven tries may fail.
	members := l.with(Machine.member)
	position := slices.IndexFunc(members, func(o Machine) bool { return o.Name == m.Name })
	data.RenewOn = fmt.Sprintf("*-*-%02d 03:00:00", 1+position%28)

	if m.Etcd && c.Spec.Backup != nil {
		every := 6 * time.Hour
		if c.Spec.Backup.Every != nil {
			every = c.Spec.Backup.Every.Duration
		}
		if every < time.Minute {
			return nil, fmt.Errorf("spec.backup.every %s is shorter than a minute", every)
		}
		voters := l.Voters()
		i := slices.IndexFunc(voters, func(o Machine) bool { return o.Name == m.Name })
		offset := every * time.Duration(i) / time.Duration(len(voters))
		data.Every, data.Offset = every, offset.Truncate(time.Second)
		data.BackupOn = calendar(every, data.Offset)
		names = append(names, "bulkhead-etcd-backup.service", "bulkhead-etcd-backup.timer")
	}
	var files []file.File
	for _, name := range names {
		f, err := fill("systemd/"+m.Name+"/"+name, name+".tmpl", data)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

type unitData struct {
	Cluster string
	Self    Machine
	Scripts string
	RenewOn string
	// BackupOn is a calendar event of systemd; empty when the interval does not
	// divide a day, and time is counted from the boot instead.
	BackupOn      string
	Every, Offset time.Duration
}

// Seconds of a duration, as systemd reads them.
func (unitData) Seconds(d time.Duration) string { return decimal(int(d/time.Second)) + "s" }

// calendar returns the event of systemd.time(7) that comes every so often, first at
// offset after midnight (UTC), or "" where no single event does.
func calendar(every, offset time.Duration) string {
	h, m, s := int(offset/time.Hour), int(offset/time.Minute)%60, int(offset/time.Second)%60
	switch {
	case every == 24*time.Hour:
		return fmt.Sprintf("*-*-* %02d:%02d:%02d UTC", h, m, s)
	case every%time.Hour == 0 && (24*time.Hour)%every == 0:
		return fmt.Sprintf("*-*-* %02d/%d:%02d:%02d UTC", h, every/time.Hour, m, s)
	case every%time.Minute == 0 && time.Hour%every == 0:
		return fmt.Sprintf("*-*-* *:%02d/%d:%02d UTC", m, every/time.Minute, s)
	default:
		return ""
	}
}
