import functions_framework


@functions_framework.http
def greet(request):
    return "hello from google-function"
