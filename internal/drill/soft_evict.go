//go:build linux

package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	// emptyTimeout is how long evictions are asked for that a PodDisruptionBudget
	// refuses.
	emptyTimeout = 2 * time.Minute
	// evictAgain is when a refused one is asked for again.
	evictAgain = time.Second
	// evictAtOnce are asked for at the same time.
	evictAtOnce = 8
)

// evictor evicts pods through the Eviction API, which asks PodDisruptionBudgets.
type evictor struct {
	api kubernetes.Interface
	// evicted is told of every eviction that was taken.
	evicted func(*corev1.Pod)
	// round is called before every round; an error ends the evictor.
	round func(done, total int) error
}

// evict asks for every pod until all are evicted, ctx ends or round says so. left are
// those that stay, with the last answer.
func (e *evictor) evict(ctx context.Context, pods []corev1.Pod) (done int, left []leftPod, err error) {
	total := len(pods)
	waiting := pods
	for {
		if err := e.round(done, total); err != nil {
			return done, left, err
		}
		left = nil
		var again []corev1.Pod
		var mu sync.Mutex
		var group sync.WaitGroup
		slots := make(chan struct{}, evictAtOnce)
		for i := range waiting {
			p := &waiting[i]
			slots <- struct{}{}
			group.Go(func() {
				defer func() { <-slots }()
				why := e.one(ctx, p)
				mu.Lock()
				defer mu.Unlock()
				if why == "" {
					done++
					return
				}
				again = append(again, *p)
				left = append(left, leftPod{p.Namespace + "/" + p.Name, p.Spec.NodeName, why})
			})
		}
		group.Wait()
		if len(again) == 0 {
			return done, nil, nil
		}
		slices.SortFunc(again, func(a, b corev1.Pod) int { return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name) })
		slices.SortFunc(left, func(a, b leftPod) int { return strings.Compare(a.name, b.name) })
		waiting = again
		timer := time.NewTimer(evictAgain)
		select {
		case <-ctx.Done():
			timer.Stop()
			return done, left, nil
		case <-timer.C:
		}
	}
}

// one asks once; "" when the pod leaves, or has left.
//
//	answer               | then
//	---------------------+------------------------------------------------------
//	2xx                  | evicted
//	404, 409             | it is gone, or another of its name is there
//	429                  | a PodDisruptionBudget allows none now: again
//	anything else        | again: what is not temporary ends with the time
func (e *evictor) one(ctx context.Context, p *corev1.Pod) string {
	uid := p.UID
	err := e.api.CoreV1().Pods(p.Namespace).EvictV1(ctx, &policyv1.Eviction{
		ObjectMeta:    metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name},
		DeleteOptions: &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}},
	})
	switch {
	case err == nil:
		e.evicted(p)
		return ""
	case apierrors.IsNotFound(err), apierrors.IsConflict(err):
		return ""
	}
	return refusal(err)
}

// refusal says why a pod was not evicted, with the budgets where the answer names
// them.
func refusal(err error) string {
	text := err.Error()
	if status := apierrors.APIStatus(nil); errors.As(err, &status) && status.Status().Details != nil {
		for _, c := range status.Status().Details.Causes {
			if c.Type == policyv1.DisruptionBudgetCause {
				text = c.Message
			}
		}
	}
	return fmt.Sprintf("its eviction is refused: %.200s", text)
}

// grouped says the names of each reason that pods are left for: at most limit of them.
func grouped(left []leftPod, limit int) []string {
	by := map[string][]string{}
	var whys []string
	for _, l := range left {
		if by[l.why] == nil {
			whys = append(whys, l.why)
		}
		by[l.why] = append(by[l.why], l.name)
	}
	slices.Sort(whys)
	var out []string
	for _, why := range whys {
		names := by[why]
		text := strings.Join(names[:min(limit, len(names))], ", ")
		if more := len(names) - limit; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		out = append(out, text+" ("+why+")")
	}
	return out
}
