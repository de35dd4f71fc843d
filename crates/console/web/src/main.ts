document.title = "Tidegate";
