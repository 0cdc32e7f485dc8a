package codebuild

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// Image is one that projects can name on this server, and what it stands for.
type Image struct{ Name, Description string }

// hostPlatform is where builds run that no image is used for.
const hostPlatform types.PlatformType = "HOST"

// ListCuratedEnvironmentImages lists what this server has been told to run builds in, not what AWS has.
func (s *Service) ListCuratedEnvironmentImages(context.Context, *codebuild.ListCuratedEnvironmentImagesInput) (*codebuild.ListCuratedEnvironmentImagesOutput, error) {
	out := &codebuild.ListCuratedEnvironmentImagesOutput{Platforms: []types.EnvironmentPlatform{}}
	at := map[types.PlatformType]int{}
	for _, image := range s.Images {
		p := platform(image.Name)
		if _, ok := at[p]; !ok {
			at[p] = len(out.Platforms)
			out.Platforms = append(out.Platforms, types.EnvironmentPlatform{Platform: p, Languages: []types.EnvironmentLanguage{{Language: types.LanguageTypeBase}}})
		}
		list := &out.Platforms[at[p]].Languages[0]
		list.Images = append(list.Images, types.EnvironmentImage{
			Name: aws.String(image.Name), Description: aws.String(image.Description), Versions: []string{},
		})
	}
	return out, nil
}

func platform(image string) types.PlatformType {
	switch {
	case image == "host":
		return hostPlatform
	case strings.Contains(image, "amazonlinux"):
		return types.PlatformTypeAmazonLinux
	case strings.Contains(image, "debian"):
		return types.PlatformTypeDebian
	}
	return types.PlatformTypeUbuntu
}
