package forge

// receiveGitea reads the events of Gitea and Forgejo. They copy GitHub's; what a push brought to a pull request comes as
// an event of the kind pull_request_sync on some versions and as pull_request on others.
func receiveGitea(event string, body []byte) (Delivery, error) {
	switch event {
	case "push":
		var p githubPush
		err := unmarshal(body, &p)
		return p.delivery(), err
	case "pull_request", "pull_request_sync":
		var p githubPull
		err := unmarshal(body, &p)
		return p.delivery(), err
	case "release":
		var p githubRelease
		err := unmarshal(body, &p)
		if p.Action == "published" && !p.Release.Draft {
			return p.delivery(p.Release.Prerelease), err
		}
		return Delivery{}, err
	}
	return Delivery{}, nil
}
