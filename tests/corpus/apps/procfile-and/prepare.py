open("prepared.txt", "w").write("hello from procfile-and")
