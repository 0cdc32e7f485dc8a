"""Speaks Lambda's runtime interface for a Python module: _HANDLER is module.function."""

import http.client
import importlib
import json
import os
import sys
import time
import traceback

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
BASE = "/2018-06-01/runtime/"


class Context:
    """What a handler is told of its invocation, with the names it has on AWS."""

    def __init__(self, headers):
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.client_context = None
        self.identity = None
        self._deadline = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline - int(time.time() * 1000))


def call(connection, method, path, body=None, headers=None):
    connection.request(method, BASE + path, body, headers or {})
    response = connection.getresponse()
    return response, response.read()


def told(error):
    """An exception as AWS tells it."""
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "stackTrace": traceback.format_exception(type(error), error, error.__traceback__)[1:-1],
    }


def post_error(connection, path, error):
    traceback.print_exception(type(error), error, error.__traceback__)
    sys.stdout.flush()
    sys.stderr.flush()
    failure = told(error)
    call(connection, "POST", path, json.dumps(failure).encode(), {"Lambda-Runtime-Function-Error-Type": failure["errorType"]})


def load():
    root = os.environ["LAMBDA_TASK_ROOT"]
    sys.path[0] = root
    module, _, function = os.environ["_HANDLER"].rpartition(".")
    if not module:
        raise ValueError(f"the handler {function!r} is not module.function")
    return getattr(importlib.import_module(module.replace("/", ".")), function)


def main():
    connection = http.client.HTTPConnection(API)
    try:
        handler = load()
    except BaseException as error:  # a module may do anything when it is loaded
        post_error(connection, "init/error", error)
        sys.exit(1)
    while True:
        response, event = call(connection, "GET", "invocation/next")
        context = Context(response.headers)
        path = f"invocation/{context.aws_request_id}/"
        try:
            answer = json.dumps(handler(json.loads(event), context)).encode()
        except Exception as error:
            post_error(connection, path + "error", error)
            continue
        sys.stdout.flush()
        sys.stderr.flush()
        call(connection, "POST", path + "response", answer, {"Content-Type": "application/json"})


main()
