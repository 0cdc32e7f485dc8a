"""A function for a Lambda action: looks for a word in index.html of the input artifact, and copies the artifact on.

The word is the action's UserParameters. How the function ends says nothing: the pipeline waits for what it reports.
"""

import io
import zipfile

import boto3

pipelines = boto3.client("codepipeline")


def handle(event, context):
    job = event["CodePipeline.job"]
    try:
        word = job["data"]["actionConfiguration"]["configuration"]["UserParameters"]
        if "continuationToken" not in job["data"] and word.startswith("later:"):
            # Not yet: it is called again with the token, and goes on from there.
            pipelines.put_job_success_result(jobId=job["id"], continuationToken="second", executionDetails={"summary": "Waiting", "percentComplete": 50})
            return
        check(job, word.removeprefix("later:"))
    except Exception as error:
        print(f"failed: {error!r}")
        pipelines.put_job_failure_result(jobId=job["id"], failureDetails={
            "type": "JobFailed", "message": str(error)[:5000], "externalExecutionId": context.aws_request_id})


def check(job, word):
    s3 = artifact_client(job)
    source = job["data"]["inputArtifacts"][0]["location"]["s3Location"]
    data = s3.get_object(Bucket=source["bucketName"], Key=source["objectKey"])["Body"].read()
    page = zipfile.ZipFile(io.BytesIO(data)).read("index.html").decode()
    if word not in page:
        raise ValueError(f"index.html does not say {word}")
    for output in job["data"]["outputArtifacts"]:
        target = output["location"]["s3Location"]
        s3.put_object(Bucket=target["bucketName"], Key=target["objectKey"], Body=data, ServerSideEncryption="aws:kms")
    pipelines.put_job_success_result(
        jobId=job["id"], outputVariables={"Length": str(len(page))},
        executionDetails={"summary": f"It says {word}", "externalExecutionId": "check", "percentComplete": 100})


def artifact_client(job):
    """The job's own credentials reach its artifacts and nothing else."""
    keys = job["data"]["artifactCredentials"]
    return boto3.client(
        "s3", aws_access_key_id=keys["accessKeyId"], aws_secret_access_key=keys["secretAccessKey"], aws_session_token=keys["sessionToken"],
        config=boto3.session.Config(s3={"addressing_style": "path"}))
