package vault

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Create makes a secret, with a value unless v is nil. A second request with the same version and value is the first one
// again. ErrExists, ErrDeleted, ErrLimit.
func (s *Store) Create(ctx context.Context, name string, about About, v *Version) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		if err := remove(ctx, tx, `name = $1 AND deleted <> 0 AND deleted <= $2`, name, store.Micros(tx.Now())); err != nil {
			return err
		}
		about.Created, about.Changed = tx.Now(), tx.Now()
		text, err := json.Marshal(about)
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `INSERT INTO secrets (name, about, deleted) VALUES ($1, $2, 0) ON CONFLICT (name) DO NOTHING`, name, string(text))
		if err != nil {
			return err
		}
		if n == 0 {
			return s.again(ctx, tx, name, v)
		}
		var all int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM secrets`).Scan(&all); err != nil {
			return err
		}
		if all > MaxSecrets {
			return ErrLimit
		}
		if v == nil {
			return nil
		}
		return s.add(ctx, tx, &Secret{Name: name, About: about}, *v)
	})
}

// again is what becomes of the creation of a secret that exists.
func (s *Store) again(ctx context.Context, tx store.Tx, name string, v *Version) error {
	sec, err := read(ctx, tx, name)
	if err != nil {
		return err
	}
	if !sec.Deleted.IsZero() {
		return ErrDeleted
	}
	if v == nil {
		return ErrExists
	}
	if _, err := sec.find(func(have Version) bool { return have.ID == v.ID }); err != nil {
		return ErrExists
	}
	same, err := s.same(ctx, tx, name, *v)
	if err == nil && !same {
		err = ErrExists
	}
	return err
}

// change lets f change a secret that is not scheduled for deletion, and stores what it made of it, versions' stages
// included.
func (s *Store) change(ctx context.Context, name string, f func(tx store.Tx, sec *Secret) error) error {
	return s.changeAny(ctx, name, func(tx store.Tx, sec *Secret) error {
		if !sec.Deleted.IsZero() {
			return ErrDeleted
		}
		return f(tx, sec)
	})
}

func (s *Store) changeAny(ctx context.Context, name string, f func(tx store.Tx, sec *Secret) error) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE secrets SET deleted = deleted WHERE name = $1`, name); err != nil { // one at a time
			return err
		}
		sec, err := read(ctx, tx, name)
		if err != nil {
			return err
		}
		sec.Changed = tx.Now()
		if err := f(tx, &sec); err != nil {
			return err
		}
		return save(ctx, tx, sec)
	})
}

func save(ctx context.Context, tx store.Tx, sec Secret) error {
	about, err := json.Marshal(sec.About)
	if err != nil {
		return err
	}
	var deleted int64
	if !sec.Deleted.IsZero() {
		deleted = store.Micros(sec.Deleted)
	}
	_, err = tx.Exec(ctx, `UPDATE secrets SET about = $2, deleted = $3 WHERE name = $1`, sec.Name, string(about), deleted)
	if err != nil {
		return err
	}
	return saveStages(ctx, tx, sec)
}

func saveStages(ctx context.Context, tx store.Tx, sec Secret) error {
	for _, v := range sec.Versions {
		text, err := json.Marshal(append([]string{}, v.Stages...))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE secret_versions SET stages = $3 WHERE secret = $1 AND id = $2`, sec.Name, v.ID, string(text)); err != nil {
			return err
		}
	}
	return nil
}

// add stores a version of a secret and gives it its stages; without any it becomes the current one.
func (s *Store) add(ctx context.Context, tx store.Tx, sec *Secret, v Version) error {
	if len(v.Stages) == 0 {
		v.Stages = []string{Current}
	}
	if len(v.Stages) > MaxStages {
		return ErrStages
	}
	if _, err := sec.find(func(have Version) bool { return have.ID == v.ID }); err == nil {
		same, err := s.same(ctx, tx, sec.Name, v)
		if err == nil && !same {
			err = ErrOther
		}
		return err
	}
	sealed, err := s.box.Seal(v.Value, purpose(sec.Name, v.ID))
	if err != nil {
		return err
	}
	binary := 0
	if v.Binary {
		binary = 1
	}
	_, err = tx.Exec(ctx, `INSERT INTO secret_versions (secret, id, value, bytes, stages, created) VALUES ($1, $2, $3, $4, '[]', $5)`,
		sec.Name, v.ID, sealed, binary, store.Micros(tx.Now()))
	if err != nil {
		return err
	}
	sec.Versions = append(sec.Versions, Version{ID: v.ID, Binary: v.Binary, Created: tx.Now()})
	for _, stage := range v.Stages {
		sec.move(stage, v.ID)
	}
	if err := saveStages(ctx, tx, *sec); err != nil {
		return err
	}
	return sec.forgetOld(ctx, tx)
}

// move gives a stage to one version and takes it from the others. What was current becomes the previous one.
func (s *Secret) move(stage, id string) {
	was := ""
	for i := range s.Versions {
		v := &s.Versions[i]
		had := slices.Contains(v.Stages, stage)
		v.Stages = slices.DeleteFunc(v.Stages, func(have string) bool { return have == stage })
		if had && v.ID != id {
			was = v.ID
		}
		if v.ID == id {
			v.Stages = append(v.Stages, stage)
		}
	}
	if stage == Current && was != "" {
		s.move(Previous, was)
	}
	if stage == Current {
		for i := range s.Versions {
			if s.Versions[i].ID == id { // nothing is its own predecessor
				s.Versions[i].Stages = slices.DeleteFunc(s.Versions[i].Stages, func(have string) bool { return have == Previous })
			}
		}
	}
}

// forgetOld removes the oldest versions without a stage when there are too many.
func (s *Secret) forgetOld(ctx context.Context, tx store.Tx) error {
	for i := 0; len(s.Versions) > MaxVersions && i < len(s.Versions); {
		v := s.Versions[i]
		if len(v.Stages) > 0 {
			i++
			continue
		}
		if _, err := tx.Exec(ctx, `DELETE FROM secret_versions WHERE secret = $1 AND id = $2`, s.Name, v.ID); err != nil {
			return err
		}
		s.Versions = slices.Delete(s.Versions, i, i+1)
	}
	return nil
}

// PutValue gives a secret another version. The same again changes nothing.
func (s *Store) PutValue(ctx context.Context, name string, v Version) (stages []string, err error) {
	err = s.change(ctx, name, func(tx store.Tx, sec *Secret) error {
		if err := s.add(ctx, tx, sec, v); err != nil {
			return err
		}
		put, err := sec.find(func(have Version) bool { return have.ID == v.ID })
		stages = put.Stages
		return err
	})
	return stages, err
}

// Update changes what is kept beside the values, and gives the secret another version unless v is nil.
func (s *Store) Update(ctx context.Context, name string, f func(*About) error, v *Version) error {
	return s.change(ctx, name, func(tx store.Tx, sec *Secret) error {
		if err := f(&sec.About); err != nil {
			return err
		}
		if v == nil {
			return nil
		}
		return s.add(ctx, tx, sec, *v)
	})
}

// ErrStageElsewhere says that a stage is to be taken from a version that does not have it, or to be moved without saying
// from where.
var ErrStageElsewhere = errors.New("the stage is on another version: name that one as RemoveFromVersionId")

// MoveStage takes a stage from a version ("" for none) and gives it to another ("" for none).
func (s *Store) MoveStage(ctx context.Context, name, stage, from, to string) error {
	return s.change(ctx, name, func(_ store.Tx, sec *Secret) error {
		holder, err := sec.find(func(v Version) bool { return slices.Contains(v.Stages, stage) })
		if held := err == nil; held && holder.ID != from && holder.ID != to || !held && from != "" {
			return ErrStageElsewhere
		}
		if to == "" {
			for i := range sec.Versions {
				sec.Versions[i].Stages = slices.DeleteFunc(sec.Versions[i].Stages, func(have string) bool { return have == stage })
			}
			return nil
		}
		target, err := sec.find(func(v Version) bool { return v.ID == to })
		if err != nil {
			return err
		}
		if len(target.Stages) >= MaxStages && !slices.Contains(target.Stages, stage) {
			return ErrStages
		}
		sec.move(stage, to)
		return nil
	})
}

// Delete schedules the end of a secret, or, with no time to wait, ends it. It returns when that is.
func (s *Store) Delete(ctx context.Context, name string, wait time.Duration) (at time.Time, err error) {
	if wait == 0 {
		err = s.db.InTx(ctx, func(tx store.Tx) error {
			at = tx.Now()
			if _, err := read(ctx, tx, name); err != nil {
				return err
			}
			return remove(ctx, tx, `name = $1`, name)
		})
		return at, err
	}
	err = s.change(ctx, name, func(tx store.Tx, sec *Secret) error {
		at = tx.Now().Add(wait)
		sec.Deleted = at
		return nil
	})
	return at, err
}

// Restore takes back that a secret is to be deleted.
func (s *Store) Restore(ctx context.Context, name string) error {
	return s.changeAny(ctx, name, func(_ store.Tx, sec *Secret) error {
		sec.Deleted = time.Time{}
		return nil
	})
}

// Sweep removes the secrets whose time is over.
func (s *Store) Sweep(ctx context.Context) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		return remove(ctx, tx, `deleted <> 0 AND deleted <= $1`, store.Micros(tx.Now()))
	})
}

// remove removes secrets with their values.
func remove(ctx context.Context, tx store.Tx, which string, args ...any) error {
	_, err := tx.Exec(ctx, `DELETE FROM secret_versions WHERE secret IN (SELECT name FROM secrets WHERE `+which+`)`, args...)
	if err == nil {
		_, err = tx.Exec(ctx, `DELETE FROM secrets WHERE `+which, args...)
	}
	return err
}
