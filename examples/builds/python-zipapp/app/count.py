def words(text):
    return len(text.split())


def main():
    print(words("three small words"))
