"""Calls CodePipeline with boto3, as it is told: a JSON line {endpoint, operation, input} in, a JSON line out.

The answer is {"output": ...} or {"error": {"code", "message", "status"}}; times are epoch seconds, as on the wire. boto3's
own checks of parameters are off: it is the server's that are tested. The operation "model" is answered with AWS's own
description of the service, which boto3 is made of.
"""
import datetime
import json
import sys

import boto3
import botocore
import botocore.exceptions
import botocore.loaders

clients = {}


def client(endpoint):
    if endpoint not in clients:
        clients[endpoint] = boto3.client(
            "codepipeline", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="AKIAROOT", aws_secret_access_key="secret",
            config=botocore.config.Config(parameter_validation=False, retries={"total_max_attempts": 1}))
    return clients[endpoint]


def plain(value):
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    raise TypeError(f"{type(value)} in an answer")


def describe():
    return botocore.loaders.Loader().load_service_model("codepipeline", "service-2")


for line in sys.stdin:
    request = json.loads(line)
    if request["operation"] == "model":
        print(json.dumps({"output": describe()}), flush=True)
        continue
    try:
        call = getattr(client(request["endpoint"]), botocore.xform_name(request["operation"]))
        output = call(**request["input"])
        output.pop("ResponseMetadata")
        answer = {"output": output}
    except botocore.exceptions.ClientError as error:
        e = error.response.get("Error", {})
        answer = {"error": {"code": e.get("Code"), "message": e.get("Message"), "status": error.response["ResponseMetadata"]["HTTPStatusCode"]}}
    print(json.dumps(answer, default=plain), flush=True)
