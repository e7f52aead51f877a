package plan_test

import (
	"fmt"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// printPlan writes a plan for a scenario: what stands where, what each loss
// takes, why, and what is not given.
func printPlan(p *v1alpha1.ClusterPlan) string {
	b := &strings.Builder{}
	f := func(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }
	f("zones %s", names(p.Zones))
	for _, r := range p.Refused {
		f("  not %s: %s", r.Zone, r.Reason)
	}
	printNetwork(f, p.Network)
	printControlPlane(f, p.ControlPlane)
	for _, pool := range p.Pools {
		f("pool %s, %s: %s cpu, %s, %d pods a node", pool.Name, pool.Scope, pool.CPU.String(), pool.Memory.String(), pool.Pods)
		for _, g := range pool.Groups {
			f("  %s in %s: %d (%d to %d) %s", g.Name, names(g.Zones), g.Size, g.Min, g.Max, names(g.Nodes))
		}
		if pool.Survivors != nil {
			f("  survivors hold %.0f %%", *pool.Survivors*100)
		}
		if pool.Smallest != nil {
			f("  smallest: %d to %d", pool.Smallest.Min, pool.Smallest.Max)
		}
	}
	printLosses(f, p.Losses)
	printObjectives(f, p.Objectives)
	return strings.ReplaceAll(b.String(), " \n", "\n")
}

type printf func(format string, args ...any)

func printNetwork(f printf, n v1alpha1.PlannedNetwork) {
	if len(n.Subnets) > 0 {
		f("network %s %s", n.CIDR, n.IPv6CIDR)
	}
	for _, s := range n.Subnets {
		kind := "private"
		if s.Public {
			kind = "public"
		}
		if s.Existing {
			kind += ", exists"
		}
		f("  %s %s %s %s (%s)", s.Zone, s.CIDR, s.IPv6CIDR, s.Name, kind)
	}
	if len(n.Spare) > 0 {
		f("  spare %s", names(n.Spare))
	}
	for _, g := range n.Gateways {
		f("gateway %s in %s for %s", g.Name, g.Zone, names(g.Serves))
	}
}

func printControlPlane(f printf, cp v1alpha1.PlannedControlPlane) {
	if cp.Managed {
		f("control plane: managed")
	}
	members := func(what string, ms []v1alpha1.PlannedMember) {
		text := []string{}
		for _, x := range ms {
			text = append(text, fmt.Sprintf("%s@%s", x.Name, x.Zone))
		}
		if len(text) > 0 {
			f("%s: %s", what, strings.Join(text, " "))
		}
	}
	members("control plane", cp.Members)
	if cp.Topology == v1alpha1.EtcdExternal {
		members("etcd", cp.Etcd)
	}
	for _, lb := range cp.LoadBalancers {
		f("load balancer %s, %s, in %s %s", lb.Name, lb.Kind, names(lb.Zones), priority(lb.Priority))
	}
}

func priority(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("(priority %d)", n)
}

func printLosses(f printf, losses []v1alpha1.ZoneLoss) {
	for _, l := range losses {
		verdict := "survived"
		if !l.Survived {
			verdict = "NOT SURVIVED"
		}
		if l.AutoscalerStops {
			verdict += ", autoscaler stops"
		}
		f("losing %s: %s", l.Zone, verdict)
		for _, e := range l.Effects {
			f("  %s of %s (%s)", e.Effect, names(e.Zones), e.Group)
		}
	}
}

func printObjectives(f printf, o v1alpha1.ObjectiveOutcome) {
	f("recovery %s of %.0f s, by %s; api %s", number(o.PredictedSeconds), o.RecoveryTimeSeconds, o.Dominating, number(o.APIPredictedSeconds))
	for _, t := range o.Terms {
		f("  %s %.4g s", t.Name, t.Seconds)
	}
	if o.Availability != nil {
		f("availability %v %%: %.0f s a year, %s losses", *o.Availability, *o.AllowedDowntimeSeconds, number(o.LossesPerYear))
	}
	if o.RecoveryPointSeconds != nil {
		f("recovery point %.0f s of %.0f s", o.RecoveryPointGivenSeconds, *o.RecoveryPointSeconds)
	}
}

func printFindings(fs []v1alpha1.PlanFinding) string {
	b := &strings.Builder{}
	for _, x := range fs {
		mark := "note"
		if x.Objective {
			mark = "FAILS"
		}
		fmt.Fprintf(b, "%s [%s] %s: %s\n", mark, x.Code, x.Subject, x.Message)
		if x.Remedy != "" {
			fmt.Fprintf(b, "  remedy: %s\n", x.Remedy)
		}
	}
	if len(fs) == 0 {
		return "none\n"
	}
	return b.String()
}

func printDecisions(ds []v1alpha1.Decision) string {
	b := &strings.Builder{}
	for _, d := range ds {
		fmt.Fprintf(b, "%s: %s\n  %s\n", d.Subject, d.Choice, d.Reason)
	}
	return b.String()
}

func number(p *float64) string {
	if p == nil {
		return "never"
	}
	return fmt.Sprintf("%.4g", *p)
}

func names(s []string) string { return strings.Join(s, " ") }

func printChanges(c *v1alpha1.ClusterChanges, commands bool) string {
	b := &strings.Builder{}
	for i, s := range c.Steps {
		where := ""
		if s.Zone != "" {
			where = " in " + s.Zone
		}
		fmt.Fprintf(b, "%d. %s %s%s: %s\n", i+1, s.Action, s.Object, where, s.Reason)
		if s.Voters != nil {
			fmt.Fprintf(b, "   voters %v, survives %s\n", s.Voters, names(s.Survives)) // fmt sorts maps
		}
		if commands {
			for _, x := range s.Commands {
				fmt.Fprintf(b, "   $ %s\n", x)
			}
		}
	}
	if len(c.Steps) == 0 {
		b.WriteString("no steps\n")
	}
	if len(c.Impossible) > 0 {
		b.WriteString("impossible: " + printFindings(c.Impossible))
	}
	return b.String()
}
